import{a,b}from"./chunk-ZIZQDHUQ.js";import"./chunk-OCLSSIEB.js";import"./chunk-OE2DT4HZ.js";import"./chunk-XPTKHGD3.js";import"./chunk-7R3ULYOQ.js";export{b as PlanStatusBadge,a as default};
