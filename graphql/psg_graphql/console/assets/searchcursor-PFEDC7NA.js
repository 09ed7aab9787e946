import{a}from"./chunk-JMOH6YOJ.js";import"./chunk-OCISEBLZ.js";import"./chunk-IYWUY3VA.js";export default a();
