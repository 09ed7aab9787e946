import{a,b}from"./chunk-ZXEGGMXV.js";import"./chunk-FRSUXC6A.js";import"./chunk-RZAUFEEH.js";import"./chunk-DWOQ7SXK.js";import"./chunk-77W5K62P.js";export{b as PlanStatusBadge,a as default};
