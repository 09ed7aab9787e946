import{c as a,d as b}from"./chunk-AMDD32RO.js";import"./chunk-YLZ2FJUA.js";import"./chunk-SNY2MEPP.js";export{b as PlanStatusBadge,a as default};
