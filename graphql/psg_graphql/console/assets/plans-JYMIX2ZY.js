import{a,b}from"./chunk-XJIGWDHN.js";import"./chunk-TCUENYEC.js";import"./chunk-TL4Q22N3.js";import"./chunk-R5DSCBBM.js";import"./chunk-CGTMSI44.js";export{b as PlanStatusBadge,a as default};
