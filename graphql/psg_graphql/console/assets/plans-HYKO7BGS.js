import{c as a,d as b}from"./chunk-VH4HECYU.js";import"./chunk-76A6ARXH.js";import"./chunk-3MRS7D7Z.js";export{b as PlanStatusBadge,a as default};
