import{a,b}from"./chunk-HPKUABRW.js";import"./chunk-EDDUYSOI.js";import"./chunk-JAOWE5L4.js";import"./chunk-UGMTF4TB.js";import"./chunk-HVIGFVH3.js";export{b as PlanStatusBadge,a as default};
