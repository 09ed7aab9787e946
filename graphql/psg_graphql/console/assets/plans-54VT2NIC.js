import{a,b}from"./chunk-PM2MCID5.js";import"./chunk-CDWWMNMN.js";import"./chunk-7WUVXCHV.js";import"./chunk-4Q27SCAH.js";import"./chunk-QSXOKATI.js";export{b as PlanStatusBadge,a as default};
