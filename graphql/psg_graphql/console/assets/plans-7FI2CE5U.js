import{a,b}from"./chunk-XHFISNGJ.js";import"./chunk-VSMR5NL4.js";import"./chunk-EF4ZI7C4.js";import"./chunk-XTGPDPBA.js";import"./chunk-K7BQWQBW.js";export{b as PlanStatusBadge,a as default};
