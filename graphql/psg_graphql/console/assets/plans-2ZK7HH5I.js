import{a,b}from"./chunk-ZPKNLNEF.js";import"./chunk-VNZSCI2K.js";import"./chunk-BEGBN7GY.js";import"./chunk-UQRKVMF2.js";import"./chunk-2RXQHXAN.js";export{b as PlanStatusBadge,a as default};
