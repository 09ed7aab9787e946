"""Metrics, health, its history and alerts of the platform (CORE-38..43)."""

from __future__ import annotations

from psg_runtime.monitoring.alert_rules import AlertConfiguration, AlertRule, LogLine, Webhook
from psg_runtime.monitoring.alerts import Alert, Delivery, raise_alert
from psg_runtime.monitoring.errors import UnknownAlert, UnknownModule
from psg_runtime.monitoring.model import (
    STATES,
    HealthHistory,
    HealthRecord,
    ModuleHealth,
    PerformanceMetrics,
    SystemHealth,
    SystemMetrics,
    TimeRange,
)
from psg_runtime.monitoring.monitor import SystemMonitor
from psg_runtime.monitoring.ports import ModuleHealthSource, Probe
from psg_runtime.monitoring.settings import MonitoringSettings

__all__ = [
    "STATES",
    "Alert",
    "AlertConfiguration",
    "AlertRule",
    "Delivery",
    "HealthHistory",
    "HealthRecord",
    "LogLine",
    "ModuleHealth",
    "ModuleHealthSource",
    "MonitoringSettings",
    "PerformanceMetrics",
    "Probe",
    "SystemHealth",
    "SystemMetrics",
    "SystemMonitor",
    "TimeRange",
    "UnknownAlert",
    "UnknownModule",
    "Webhook",
    "raise_alert",
]
