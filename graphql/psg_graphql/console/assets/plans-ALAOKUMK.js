import{a,b}from"./chunk-7L4QBIZ2.js";import"./chunk-LWIA6FOY.js";import"./chunk-T5I5BICH.js";import"./chunk-TQSJWYN2.js";import"./chunk-QAVRNA2Y.js";export{b as PlanStatusBadge,a as default};
