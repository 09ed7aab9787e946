var Qe=Object.create;var ye=Object.defineProperty;var Je=Object.getOwnPropertyDescriptor;var Ke=Object.getOwnPropertyNames;var ze=Object.getPrototypeOf,Xe=Object.prototype.hasOwnProperty;var Y=(e,n)=>()=>{try{return n||e((n={exports:{}}).exports,n),n.exports}catch(t){throw n=0,t}};var Ze=(e,n,t,r)=>{if(n&&typeof n=="object"||typeof n=="function")for(let a of Ke(n))!Xe.call(e,a)&&a!==t&&ye(e,a,{get:()=>n[a],enumerable:!(r=Je(n,a))||r.enumerable});return e};var h=(e,n,t)=>(t=e!=null?Qe(ze(e)):{},Ze(n||!e||!e.__esModule?ye(t,"default",{value:e,enumerable:!0}):t,e));var Ce=Y(i=>{"use strict";var oe=Symbol.for("react.transitional.element"),en=Symbol.for("react.portal"),nn=Symbol.for("react.fragment"),tn=Symbol.for("react.strict_mode"),rn=Symbol.for("react.profiler"),an=Symbol.for("react.consumer"),on=Symbol.for("react.context"),sn=Symbol.for("react.forward_ref"),ln=Symbol.for("react.suspense"),un=Symbol.for("react.memo"),ke=Symbol.for("react.lazy"),dn=Symbol.for("react.activity"),pn=Symbol.for("react.view_transition"),be=Symbol.iterator;function cn(e){return e===null||typeof e!="object"?null:(e=be&&e[be]||e["@@iterator"],typeof e=="function"?e:null)}var Ae={isMounted:function(){return!1},enqueueForceUpdate:function(){},enqueueReplaceState:function(){},enqueueSetState:function(){}},Pe=Object.assign,Ie={};function $(e,n,t){this.props=e,this.context=n,this.refs=Ie,this.updater=t||Ae}$.prototype.isReactComponent={};$.prototype.setState=function(e,n){if(typeof e!="object"&&typeof e!="function"&&e!=null)throw Error("takes an object of state variables to update or a function which returns an object of state variables.");this.updater.enqueueSetState(this,e,n,"setState")};$.prototype.forceUpdate=function(e){this.updater.enqueueForceUpdate(this,e,"forceUpdate")};function we(){}we.prototype=$.prototype;function se(e,n,t){this.props=e,this.context=n,this.refs=Ie,this.updater=t||Ae}var ie=se.prototype=new we;ie.constructor=se;Pe(ie,$.prototype);ie.isPureReactComponent=!0;var he=Array.isArray;function ae(){}var d={H:null,A:null,T:null,S:null},Se=Object.prototype.hasOwnProperty;function le(e,n,t){var r=t.ref;return{$$typeof:oe,type:e,key:n,ref:r!==void 0?r:null,props:t}}function gn(e,n){return le(e.type,n,e.props)}function ue(e){return typeof e=="object"&&e!==null&&e.$$typeof===oe}function fn(e){var n={"=":"=0",":":"=2"};return"$"+e.replace(/[=:]/g,function(t){return n[t]})}var ve=/\/+/g;function re(e,n){return typeof e=="object"&&e!==null&&e.key!=null?fn(""+e.key):n.toString(36)}function mn(e){switch(e.status){case"fulfilled":return e.value;case"rejected":throw e.reason;default:switch(typeof e.status=="string"?e.then(ae,ae):(e.status="pending",e.then(function(n){e.status==="pending"&&(e.status="fulfilled",e.value=n)},function(n){e.status==="pending"&&(e.status="rejected",e.reason=n)})),e.status){case"fulfilled":return e.value;case"rejected":throw e.reason}}throw e}function T(e,n,t,r,a){var o=typeof e;(o==="undefined"||o==="boolean")&&(e=null);var s=!1;if(e===null)s=!0;else switch(o){case"bigint":case"string":case"number":s=!0;break;case"object":switch(e.$$typeof){case oe:case en:s=!0;break;case ke:return s=e._init,T(s(e._payload),n,t,r,a)}}if(s)return a=a(e),s=r===""?"."+re(e,0):r,he(a)?(t="",s!=null&&(t=s.replace(ve,"$&/")+"/"),T(a,n,t,"",function(c){return c})):a!=null&&(ue(a)&&(a=gn(a,t+(a.key==null||e&&e.key===a.key?"":(""+a.key).replace(ve,"$&/")+"/")+s)),n.push(a)),1;s=0;var l=r===""?".":r+":";if(he(e))for(var u=0;u<e.length;u++)r=e[u],o=l+re(r,u),s+=T(r,n,t,o,a);else if(u=cn(e),typeof u=="function")for(e=u.call(e),u=0;!(r=e.next()).done;)r=r.value,o=l+re(r,u++),s+=T(r,n,t,o,a);else if(o==="object"){if(typeof e.then=="function")return T(mn(e),n,t,r,a);throw n=String(e),Error("Objects are not valid as a React child (found: "+(n==="[object Object]"?"object with keys {"+Object.keys(e).join(", ")+"}":n)+"). If you meant to render a collection of children, use an array instead.")}return s}function Q(e,n,t){if(e==null)return e;var r=[],a=0;return T(e,r,"","",function(o){return n.call(t,o,a++)}),r}function yn(e){if(e._status===-1){var n=e._result,t=n();t.then(function(r){(e._status===0||e._status===-1)&&(e._status=1,e._result=r,t.status===void 0&&(t.status="fulfilled",t.value=r))},function(r){(e._status===0||e._status===-1)&&(e._status=2,e._result=r,t.status===void 0&&(t.status="rejected",t.reason=r))}),e._status===-1&&(e._status=0,e._result=t)}if(e._status===1)return e._result.default;throw e._result}var xe=typeof reportError=="function"?reportError:function(e){if(typeof window=="object"&&typeof window.ErrorEvent=="function"){var n=new window.ErrorEvent("error",{bubbles:!0,cancelable:!0,message:typeof e=="object"&&e!==null&&typeof e.message=="string"?String(e.message):String(e),error:e});if(!window.dispatchEvent(n))return}else if(typeof process=="object"&&typeof process.emit=="function"){process.emit("uncaughtException",e);return}console.error(e)};function Re(e){var n=d.T,t={};t.types=n!==null?n.types:null,d.T=t;try{var r=e(),a=d.S;a!==null&&a(t,r),typeof r=="object"&&r!==null&&typeof r.then=="function"&&r.then(ae,xe)}catch(o){xe(o)}finally{n!==null&&t.types!==null&&(n.types=t.types),d.T=n}}function _e(e){var n=d.T;if(n!==null){var t=n.types;t===null?n.types=[e]:t.indexOf(e)===-1&&t.push(e)}else Re(_e.bind(null,e))}var bn={map:Q,forEach:function(e,n,t){Q(e,function(){n.apply(this,arguments)},t)},count:function(e){var n=0;return Q(e,function(){n++}),n},toArray:function(e){return Q(e,function(n){return n})||[]},only:function(e){if(!ue(e))throw Error("React.Children.only expected to receive a single React element child.");return e}};i.Activity=dn;i.Children=bn;i.Component=$;i.Fragment=nn;i.Profiler=rn;i.PureComponent=se;i.StrictMode=tn;i.Suspense=ln;i.ViewTransition=pn;i.__CLIENT_INTERNALS_DO_NOT_USE_OR_WARN_USERS_THEY_CANNOT_UPGRADE=d;i.__COMPILER_RUNTIME={__proto__:null,c:function(e){return d.H.useMemoCache(e)}};i.addTransitionType=_e;i.cache=function(e){return function(){return e.apply(null,arguments)}};i.cacheSignal=function(){return null};i.cloneElement=function(e,n,t){if(e==null)throw Error("The argument must be a React element, but you passed "+e+".");var r=Pe({},e.props),a=e.key;if(n!=null)for(o in n.key!==void 0&&(a=""+n.key),n)!Se.call(n,o)||o==="key"||o==="__self"||o==="__source"||o==="ref"&&n.ref===void 0||(r[o]=n[o]);var o=arguments.length-2;if(o===1)r.children=t;else if(1<o){for(var s=Array(o),l=0;l<o;l++)s[l]=arguments[l+2];r.children=s}return le(e.type,a,r)};i.createContext=function(e){return e={$$typeof:on,_currentValue:e,_currentValue2:e,_threadCount:0,Provider:null,Consumer:null},e.Provider=e,e.Consumer={$$typeof:an,_context:e},e};i.createElement=function(e,n,t){var r,a={},o=null;if(n!=null)for(r in n.key!==void 0&&(o=""+n.key),n)Se.call(n,r)&&r!=="key"&&r!=="__self"&&r!=="__source"&&(a[r]=n[r]);var s=arguments.length-2;if(s===1)a.children=t;else if(1<s){for(var l=Array(s),u=0;u<s;u++)l[u]=arguments[u+2];a.children=l}if(e&&e.defaultProps)for(r in s=e.defaultProps,s)a[r]===void 0&&(a[r]=s[r]);return le(e,o,a)};i.createRef=function(){return{current:null}};i.forwardRef=function(e){return{$$typeof:sn,render:e}};i.isValidElement=ue;i.lazy=function(e){return{$$typeof:ke,_payload:{_status:-1,_result:e},_init:yn}};i.memo=function(e,n){return{$$typeof:un,type:e,compare:n===void 0?null:n}};i.startTransition=Re;i.unstable_useCacheRefresh=function(){return d.H.useCacheRefresh()};i.use=function(e){return d.H.use(e)};i.useActionState=function(e,n,t){return d.H.useActionState(e,n,t)};i.useCallback=function(e,n){return d.H.useCallback(e,n)};i.useContext=function(e){return d.H.useContext(e)};i.useDebugValue=function(){};i.useDeferredValue=function(e,n){return d.H.useDeferredValue(e,n)};i.useEffect=function(e,n){return d.H.useEffect(e,n)};i.useEffectEvent=function(e){return d.H.useEffectEvent(e)};i.useId=function(){return d.H.useId()};i.useImperativeHandle=function(e,n,t){return d.H.useImperativeHandle(e,n,t)};i.useInsertionEffect=function(e,n){return d.H.useInsertionEffect(e,n)};i.useLayoutEffect=function(e,n){return d.H.useLayoutEffect(e,n)};i.useMemo=function(e,n){return d.H.useMemo(e,n)};i.useOptimistic=function(e,n){return d.H.useOptimistic(e,n)};i.useReducer=function(e,n,t){return d.H.useReducer(e,n,t)};i.useRef=function(e){return d.H.useRef(e)};i.useState=function(e){return d.H.useState(e)};i.useSyncExternalStore=function(e,n,t){return d.H.useSyncExternalStore(e,n,t)};i.useTransition=function(){return d.H.useTransition()};i.version="19.3.1"});var I=Y((jn,Ee)=>{"use strict";Ee.exports=Ce()});var Me=Y(z=>{"use strict";var An=Symbol.for("react.transitional.element"),Pn=Symbol.for("react.fragment");function Ve(e,n,t){var r=null;if(t!==void 0&&(r=""+t),n.key!==void 0&&(r=""+n.key),"key"in n){t={};for(var a in n)a!=="key"&&(t[a]=n[a])}else t=n;return n=t.ref,{$$typeof:An,type:e,key:r,ref:n!==void 0?n:null,props:t}}z.Fragment=Pn;z.jsx=Ve;z.jsxs=Ve});var C=Y((rt,Fe)=>{"use strict";Fe.exports=Me()});var De=h(I(),1);function k(e){let n=e,t=new Set;return{get:()=>n,set:r=>{if(!Object.is(r,n)){n=r;for(let a of[...t])a()}},follow:r=>(t.add(r),()=>t.delete(r))}}function V(e){return(0,De.useSyncExternalStore)(e.follow,e.get)}var J={version:"",auth:[],documents:"off",browser:null,ide:!0,docs:{}},_=k(J);function hn(e){return typeof e=="string"?e.split(",").map(n=>n.trim()):Array.isArray(e)?e.filter(n=>typeof n=="string"):[]}function vn(e){if(typeof e!="object"||e===null)return J;let n=e,t=typeof n.docs=="object"&&n.docs!==null?Object.entries(n.docs):[];return{version:typeof n.version=="string"?n.version:J.version,auth:hn(n.auth),documents:typeof n.documents=="string"?n.documents:J.documents,browser:typeof n.browser=="string"?n.browser:null,ide:n.ide!==!1,docs:Object.fromEntries(t.filter(r=>typeof r[1]=="string"))}}async function Fn(){try{let e=await fetch("/console/config.json",{headers:{accept:"application/json"}});e.ok&&_.set(vn(await e.json()))}catch{}}var q=k({reachable:!0,returns:0,retryAt:null}),xn=500,kn=15e3,Te=0,w=null;function de(e,n=Math.random){let t=Math.min(kn,xn*2**Math.min(e,10));return Math.round(t/2+t/2*n())}function M(){w!==null&&clearTimeout(w),w=null,Te=0;let e=q.get();e.reachable||q.set({reachable:!0,returns:e.returns+1,retryAt:null})}function S(){if(w!==null)return;let e=de(Te++);q.set({...q.get(),reachable:!1,retryAt:Date.now()+e}),w=setTimeout(()=>{$e()},e)}async function $e(){w!==null&&clearTimeout(w),w=null;try{(await fetch("/healthz",{cache:"no-store"})).ok?M():S()}catch{S()}}typeof window<"u"&&(window.addEventListener("online",()=>{$e()}),window.addEventListener("offline",S));var pe="psg.token",Oe="psg.actor";function qe(e){try{return sessionStorage.getItem(e)}catch{return null}}function ce(e,n){try{n===null?sessionStorage.removeItem(e):sessionStorage.setItem(e,n)}catch{}}var g=k({token:qe(pe),actor:qe(Oe),needed:!1,reason:null});function Gn(e){let n=e.replace(/[^\x21-\x7e]/g,"");ce(pe,n),g.set({...g.get(),token:n,needed:!1,reason:null})}function Wn(){ce(pe,null),g.set({...g.get(),token:null,needed:!0,reason:null}),location.reload()}function Yn(e){let n=g.get();n.token===null&&e.length>0&&!e.includes("none")&&g.set({...n,needed:!0})}function O(e,n){g.get().token===e&&g.set({...g.get(),needed:!0,reason:e===null?null:n})}function Qn(e){let n=e?.replace(/[^\x20-\x7e]/g,"").trim()||null;ce(Oe,n),g.set({...g.get(),actor:n})}function N(){let{token:e,actor:n}=g.get();return{...e?{authorization:`Bearer ${e}`}:{},...n?{actor:n}:{}}}var Ne=h(I(),1);var K=k(typeof location>"u"?"/":location.pathname+location.search);function je(e,n=!1){e!==K.get()&&(n?history.replaceState(null,"",e):history.pushState(null,"",e),K.set(location.pathname+location.search))}typeof window<"u"&&window.addEventListener("popstate",()=>K.set(location.pathname+location.search));function zn(){let e=V(K);return(0,Ne.useMemo)(()=>{let n=e.indexOf("?");return n<0?{path:e,query:new URLSearchParams}:{path:e.slice(0,n),query:new URLSearchParams(e.slice(n))}},[e])}function Xn(e){let n=new URLSearchParams(location.search);for(let[r,a]of Object.entries(e))a===null||a===""?n.delete(r):n.set(r,a);let t=n.toString();return location.pathname+(t?`?${t}`:"")}function Zn(e,n){let t=e.split("/").filter(Boolean),r=n.split("/").filter(Boolean);if(t.length!==r.length)return null;let a={};for(let[o,s]of t.entries()){let l=r[o];if(!s.startsWith(":")){if(s!==l)return null;continue}try{a[s.slice(1)]=decodeURIComponent(l)}catch{return null}}return a}function et(e,n){return e.replace(/:(\w+)/g,(t,r)=>encodeURIComponent(n[r]??""))}var E=h(I(),1);var y=h(C(),1);function ot({children:e,onClick:n,kind:t="plain",small:r,disabled:a,busy:o,title:s}){return(0,y.jsx)("button",{type:"button",className:`button ${t} ${r?"small":""}`,onClick:n,disabled:a===!0||o===!0,"aria-busy":o||void 0,title:s,children:e})}function st({to:e,children:n,className:t,current:r}){return(0,y.jsx)("a",{href:e,onClick:o=>{o.button!==0||o.metaKey||o.ctrlKey||o.shiftKey||o.altKey||(o.preventDefault(),je(e))},className:t,"aria-current":r?"page":void 0,children:n})}function it({label:e,value:n,options:t,onChange:r}){return(0,y.jsx)("div",{className:"choice",role:"group","aria-label":e,children:t.map(([a,o])=>(0,y.jsx)("button",{type:"button","aria-pressed":a===n,onClick:()=>r(a),children:o},a??""))})}function lt({label:e,value:n,options:t,onChange:r}){let a=(0,E.useId)();return(0,y.jsxs)("label",{className:"field inline",htmlFor:a,children:[(0,y.jsx)("span",{children:e}),(0,y.jsx)("select",{id:a,value:n,onChange:o=>r(o.target.value),children:t.map(([o,s])=>(0,y.jsx)("option",{value:o,children:s},o))})]})}function ut({value:e,onChange:n,label:t,id:r}){return(0,y.jsx)("input",{type:"search",className:"search",id:r,value:e,placeholder:t,"aria-label":t,maxLength:200,spellCheck:!1,onChange:a=>n(a.target.value),onKeyDown:a=>{a.key==="Escape"&&e!==""?(a.preventDefault(),n("")):a.key==="Escape"&&a.currentTarget.blur()}})}function dt({title:e,children:n,onClose:t,wide:r}){let a=(0,E.useRef)(null),o=(0,E.useId)();return(0,E.useEffect)(()=>{let s=a.current;return s?.showModal(),()=>s?.close()},[]),(0,y.jsx)("dialog",{ref:a,"aria-labelledby":o,className:r?"wide":"",onCancel:s=>{s.preventDefault(),t()},onClick:s=>s.target===a.current&&t(),children:(0,y.jsxs)("div",{className:"dialog-body",children:[(0,y.jsx)("h2",{id:o,children:e}),n]})})}function pt({parts:e,total:n,label:t}){let r=e.filter(o=>o.value>0).map(o=>`${o.value} ${o.name}`),a=`${t}: ${r.join(", ")||"nothing yet"}`;return(0,y.jsx)("span",{className:"meter",role:"img","aria-label":a,title:a,children:e.map(o=>(0,y.jsx)("span",{className:`tone-${o.tone}`,style:{width:n>0?`${100*o.value/n}%`:0}},o.name))})}var P=class extends Error{constructor(t,r,a=!1,o=null){super(t);this.code=r;this.retryable=a;this.details=o;this.name="ApiError"}code;retryable;details},F=class extends P{constructor(n){super(n,"unreachable",!0),this.name="Unreachable"}},v=class extends P{constructor(n){super(n,"unauthenticated"),this.name="Unauthenticated"}};function L(e){let n=e[0]??{},t=typeof n.message=="string"&&n.message!==""?n.message:"The API refused the request",r=typeof n.extensions?.code=="string"?n.extensions.code:"error";return r==="unauthenticated"?new v(t):new P(t,r,n.extensions?.retryable===!0,n.extensions?.details??null)}function B(e){return e instanceof P?e:new P(e instanceof Error?e.message:String(e),"error")}var In="application/graphql-response+json, application/json;q=0.9";function X(e,n,t){return{...t?{documentId:e.id}:{query:e.text},operationName:e.name,variables:n}}async function Le(e,n){let{authorization:t,actor:r}=N(),a={"content-type":"application/json",accept:In};t&&(a.authorization=t),r&&(a["x-psg-actor"]=r);let o;try{o=await fetch("/graphql",{method:"POST",headers:a,body:JSON.stringify(e),signal:n??null,cache:"no-store",credentials:"omit",redirect:"error",referrerPolicy:"no-referrer"})}catch(s){throw n?.aborted?s:(S(),new F("The API does not answer"))}try{let s=await o.json();return M(),{status:o.status,answer:s}}catch(s){if(n?.aborted)throw s;if(o.status===401)return{status:401,answer:{}};throw S(),new F(`The API gave no readable answer (status ${o.status})`)}}async function ge(e,n,t){let{token:r,needed:a}=g.get();if(a)throw new v("Sign in first");let o=_.get().documents==="only"||_.get().documents==="prefer",{status:s,answer:l}=await Le(X(e,n,o),t),u=l.errors?.[0]?.extensions?.code;if(o&&u==="document_unknown"&&_.get().documents==="prefer"&&({status:s,answer:l}=await Le(X(e,n,!1),t)),s===401){let c=l.errors?.[0]?.message,x=new v(typeof c=="string"?c:"A token is needed");throw O(r,x.message),x}if(l.errors&&l.errors.length>0){let c=L(l.errors);throw c instanceof v&&O(r,c.message),c}if(l.data===void 0||l.data===null)throw new P("The API gave no data","error",!0);return l.data}var f=h(I(),1);var wn=4e4,fe=class{constructor(n){this.address=n}address;socket=null;acknowledged=!1;running=new Map;counter=0;attempt=0;retry=null;silence=null;token=null;subscribe(n,t,r){let a=String(++this.counter);return this.running.set(a,{operation:n,variables:t,listener:r}),this.acknowledged?this.start(a):this.connect(),()=>this.stop(a)}reconnect(){this.attempt=0,this.drop(),this.running.size>0&&this.connect()}connect(){if(this.socket!==null||g.get().needed)return;this.retry!==null&&clearTimeout(this.retry),this.retry=null,this.token=g.get().token;let n=new WebSocket(this.address(),"graphql-transport-ws");this.socket=n,this.watch(),n.onopen=()=>this.send({type:"connection_init",payload:N()}),n.onmessage=t=>{this.socket===n&&this.receive(String(t.data))},n.onclose=t=>{this.socket===n&&this.closed(t.code,t.reason)}}receive(n){this.watch();let t=JSON.parse(n);if(t.type==="ping")this.send({type:"pong"});else if(t.type==="connection_ack"){this.acknowledged=!0,this.attempt=0,M();for(let r of this.running.keys())this.start(r)}else t.id!==void 0&&this.dispatch(t.id,t)}dispatch(n,t){let r=this.running.get(n);if(r)if(t.type==="next"){let a=t.payload;a.errors&&a.errors.length>0?this.fail(n,r,L(a.errors)):r.listener.next(a.data)}else t.type==="error"?this.fail(n,r,L(Array.isArray(t.payload)?t.payload:[])):t.type==="complete"&&(this.running.delete(n),r.listener.complete(),this.closeUnused())}fail(n,t,r){if(r instanceof v){O(this.token,r.message),g.get().needed?this.rest():this.reconnect();return}this.stop(n),t.listener.error(r)}start(n){let t=this.running.get(n);if(!t)return;let r=_.get().documents==="only";try{this.send({id:n,type:"subscribe",payload:X(t.operation,t.variables(),r)})}catch(a){t.listener.error(B(a))}}stop(n){this.running.delete(n)&&this.acknowledged&&this.send({id:n,type:"complete"}),this.closeUnused()}rest(){this.drop()}closeUnused(){this.running.size===0&&this.drop()}closed(n,t){if(this.drop(),this.running.size!==0){if(n===4401||n===4403){O(this.token,t&&t!=="Forbidden"?t:"The token was refused");return}for(let{listener:r}of this.running.values())r.interrupted?.();n!==1e3&&n!==1001&&n!==1012&&S(),this.retry=setTimeout(()=>this.connect(),de(this.attempt++))}}drop(){let n=this.socket;this.socket=null,this.acknowledged=!1,this.silence!==null&&clearTimeout(this.silence),this.retry!==null&&clearTimeout(this.retry),this.silence=this.retry=null,n&&n.readyState<=WebSocket.OPEN&&n.close(1e3)}watch(){this.silence!==null&&clearTimeout(this.silence),this.silence=setTimeout(()=>this.closed(4408,"silence"),wn)}send(n){this.socket?.readyState===WebSocket.OPEN&&this.socket.send(JSON.stringify(n))}},Z=new fe(()=>`${location.protocol==="https:"?"wss":"ws"}://${location.host}/graphql`),Be=JSON.stringify(N()),He=g.get().needed;g.follow(()=>{let e=JSON.stringify(N()),{needed:n}=g.get();n?Z.rest():(e!==Be||He)&&Z.reconnect(),[Be,He]=[e,n]});function Dt(e,n,t=0){let r=n===null?"":JSON.stringify([e.name,n]),a=(0,f.useMemo)(()=>r===""?null:o=>ge(e,JSON.parse(r)[1],o),[e,r]);return Sn(a,t)}function Sn(e,n=0){let{returns:t}=V(q),{token:r,actor:a,needed:o}=V(g),[s,l]=(0,f.useState)(0),[u,c]=(0,f.useState)({of:null,data:null,error:null,loading:!0});(0,f.useEffect)(()=>{if(e===null||o)return;let b=new AbortController;return c(A=>({...A.of===e?A:{data:null,error:null},of:e,loading:!0})),e(b.signal).then(A=>b.signal.aborted||c({of:e,data:A,error:null,loading:!1}),A=>{b.signal.aborted||c(j=>({of:e,data:j.of===e?j.data:null,error:B(A),loading:!1}))}),()=>b.abort()},[e,s,t,r,a,o]);let x=(0,f.useCallback)(()=>l(b=>b+1),[]),D=(0,f.useRef)(u.loading);return D.current=u.loading,Rn(()=>D.current||x(),e===null?0:n),(0,f.useMemo)(()=>{let b=u.of===e;return{data:b?u.data:null,error:b?u.error:null,loading:!b||u.loading,reload:x}},[u,e,x])}function Rn(e,n){let t=(0,f.useRef)(e);t.current=e,(0,f.useEffect)(()=>{if(n<=0)return;let r=()=>{document.visibilityState==="visible"&&t.current()},a=setInterval(r,n);return document.addEventListener("visibilitychange",r),()=>{clearInterval(a),document.removeEventListener("visibilitychange",r)}},[n])}function _n(e){return typeof e=="object"&&e!==null&&"code"in e&&"message"in e}function Tt(e){let[n,t]=(0,f.useState)(!1),[r,a]=(0,f.useState)(null),o=(0,f.useCallback)(async l=>{t(!0),a(null);try{let u=await ge(e,l),c=Object.values(u).find(_n);return c&&a(c.message),c===void 0}catch(u){let c=B(u);return c instanceof v||a(c.message),!1}finally{t(!1)}},[e]),s=(0,f.useCallback)(()=>a(null),[]);return{busy:n,problem:r,run:o,clear:s}}function $t(){if(typeof crypto.randomUUID=="function")return crypto.randomUUID();let e=crypto.getRandomValues(new Uint8Array(16));return e[6]=e[6]&15|64,e[8]=e[8]&63|128,Array.from(e,t=>t.toString(16).padStart(2,"0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/,"$1-$2-$3-$4-$5")}function qt(e,n,t){let[r,a]=(0,f.useState)("off"),o=(0,f.useRef)(t);o.current=t;let s=(0,f.useRef)(n);s.current=n;let l=n===null?"":JSON.stringify(n),u=t.generation??0;return(0,f.useEffect)(()=>{if(s.current===null){a("off");return}let c=s.current,x=o.current.after??c.after??null,D=!1,b=()=>{},A=()=>{a("connecting"),b=Z.subscribe(e,()=>x===null?c:{...c,after:x},{next:G=>{let W=Object.values(G)[0];W?.__typename!=="CursorExpired"&&typeof W?.cursor=="string"&&(x=W.cursor),j=W?.__typename==="Closing",a("live"),o.current.onItem(G)},interrupted:()=>a("interrupted"),error:G=>{a("ended"),o.current.onError?.(G)},complete:()=>{j&&!D?setTimeout(()=>!D&&A(),500):a("ended")}})},j=!1;return A(),()=>{D=!0,b()}},[e,l,u]),r}var Nt={name:"AcknowledgeAlert",kind:"mutation",id:"sha256:73604aaf27e2a745a36356f059fe7a3cb3c6ae6bfee33f39041d89ba15cd0586",text:`mutation AcknowledgeAlert($input: AcknowledgeAlertInput!) {
  acknowledgeAlert(input: $input) {
    __typename
    ... on AlertPayload {
      alert {
        id
        status
      }
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},jt={name:"ApiTokens",kind:"query",id:"sha256:b7c4388314fc20625aaab201e6bd7838eafe7d480ec9ce18fd8930e291661ea2",text:`query ApiTokens($after: String) {
  apiTokens(first: 50, after: $after) {
    nodes {
      id
      actor
      note
      active
      createdAt
      createdBy
      expiresAt
      revokedAt
      revokedBy
      projectIds
      roles
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}`},Vt={name:"ApprovePlan",kind:"mutation",id:"sha256:4670d74f17ca8b9376e4dcf5faa62f369887191d806c906086f8f9da41bb21ac",text:`mutation ApprovePlan($input: ApprovePlanInput!) {
  approvePlan(input: $input) {
    __typename
    ... on PlanPayload {
      seq
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},Mt={name:"AskCypher",kind:"query",id:"sha256:7a5c0d729a7ee3e5c2da7e5b74c85ab07eb854da43f125ccec19b1dfd23a5c6c",text:`query AskCypher($query: String!, $params: JSON) {
  cypher(query: $query, params: $params) {
    ...Answer
  }
}

fragment Answer on CypherAnswer {
  columns
  rows
  truncated
  tookMs
}`},Ft={name:"AskSaved",kind:"query",id:"sha256:2dee2826d381f9c206698735f693f5eb039d767eddb9644e9d7ab87872460829",text:`query AskSaved($name: String!, $projectId: ID!, $planId: ID, $stepKey: String) {
  savedAnswer(
    name: $name
    projectId: $projectId
    planId: $planId
    stepKey: $stepKey
  ) {
    ...Answer
  }
}

fragment Answer on CypherAnswer {
  columns
  rows
  truncated
  tookMs
}`},Lt={name:"AuditTrail",kind:"query",id:"sha256:d53e69d52a9fab3815dd550ec95a8851f9368d396ea2900e51320ee381b87cd8",text:`query AuditTrail($after: String, $outcome: AuditOutcome) {
  auditRecords(first: 50, after: $after, outcome: $outcome) {
    nodes {
      seq
      at
      lastAt
      count
      actor
      act
      outcome
      reason
      projectId
      tokenId
      requestId
      details
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}`},Bt={name:"Budgets",kind:"query",id:"sha256:1b5b22f144fc11675a060e3ee9a6e18eb0833cab87bfd32d46a02e2ae9f2e586",text:`query Budgets($projectId: ID!, $after: String) {
  project(id: $projectId) {
    id
    name
    spending {
      ...Account
    }
  }
  plans(projectId: $projectId, first: 50, after: $after) {
    nodes {
      id
      title
      status
      paused
      spending {
        ...Account
      }
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment Account on Spending {
  limit {
    ...Sums
  }
  spent {
    ...Sums
  }
  reserved {
    ...Sums
  }
  remaining {
    ...Sums
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}

fragment Sums on Amounts {
  tokens
  cost
  calls
  wallMs
}`},Ht={name:"CancelPlan",kind:"mutation",id:"sha256:959a0caad91ea3d5d0a81d6e0c984d6a6c6ad775d20944a5e16b88ba4b4ca4b2",text:`mutation CancelPlan($input: PlanCommandInput!) {
  cancelPlan(input: $input) {
    __typename
    ... on PlanPayload {
      seq
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},Ut={name:"CollabSession",kind:"query",id:"sha256:7fd8602fddb3d41c64c7cd70096d2d7c0f47f3bda8497cb24b79e022cbb5aed5",text:`query CollabSession($collabId: ID!) {
  collab(id: $collabId) {
    id
    title
    purpose
    mode
    status
  }
  session(collabId: $collabId) {
    uuid
    state
    mode
    number
    reason
    planId
    planStatus
    planPaused
    turnCount
    loopAfter
    participants {
      participantId
      kind
      role
    }
    turns(first: 100) {
      number
      turnId
      stepId
      stepKey
      participantId
      agent
      executedBy
      status
      startedAt
      finishedAt
    }
  }
}`},Gt={name:"Collabs",kind:"query",id:"sha256:6e6338adbc24b34907ff5815255b2524641846f97db529566ec4472b3f62d44e",text:`query Collabs($projectId: ID!, $after: String) {
  collabs(projectId: $projectId, first: 50, after: $after) {
    nodes {
      id
      title
      purpose
      mode
      status
      updatedAt
      recordedAt
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}`},Wt={name:"CreateApiToken",kind:"mutation",id:"sha256:0aee180b86b3a1bb3d99198267b80282e00602009e3035884011f16457523881",text:`mutation CreateApiToken($input: CreateApiTokenInput!) {
  createApiToken(input: $input) {
    __typename
    ... on CreatedApiTokenPayload {
      text
      token {
        id
        actor
      }
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},Yt={name:"DecideConfirm",kind:"mutation",id:"sha256:9b1f50f771d4c6bcb5bd727eb1dce9415e704242dadae5d56563e62bfc7d92a5",text:`mutation DecideConfirm($input: DecideConfirmInput!) {
  decideConfirm(input: $input) {
    __typename
    ... on ConfirmPayload {
      seq
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},Qt={name:"DecideRequest",kind:"mutation",id:"sha256:2f943ba2549ec2033a35458baa136cb6f87d24b8a8c46f8d2e865633307c4b07",text:`mutation DecideRequest($input: DecideConfirmInput!) {
  decideConfirm(input: $input) {
    __typename
    ... on ConfirmPayload {
      seq
      confirm {
        id
        status
      }
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},Jt={name:"DelegateRequest",kind:"mutation",id:"sha256:4b4bda32eaf47f9bc776ef5ac7ddea178efcc44dea3e65ce6848ce2ad98b9306",text:`mutation DelegateRequest($input: DelegateApprovalInput!) {
  delegateApproval(input: $input) {
    __typename
    ... on ConfirmPayload {
      seq
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},Kt={name:"EventHead",kind:"query",id:"sha256:181551b5c7b90728775a1fd5436c47ca78274e19b5a136114aeece7cc26f168b",text:`query EventHead($projectId: ID!) {
  project(id: $projectId) {
    id
    cursor
  }
}`},zt={name:"EventPage",kind:"query",id:"sha256:d85843b69efcf2479fec5d19abc7eab92f5b5d69ea7f43d16bfb4032ff8a26fd",text:`query EventPage($projectId: ID!, $after: String, $families: [EventFamily!], $planId: ID) {
  events(
    projectId: $projectId
    after: $after
    first: 100
    families: $families
    planId: $planId
  ) {
    __typename
    ... on EventPage {
      events {
        ...LogEvent
      }
      cursor
      head
      hasNextPage
    }
    ... on CursorExpired {
      code
      message
      cursor
    }
  }
}

fragment LogEvent on Event {
  seq
  eventId
  family
  type
  op
  entityType
  entityId
  planId
  actor
  timestamp
  fromStatus
  toStatus
  correlationId
  commandId
  changes
}`},Xt={name:"GrantRole",kind:"mutation",id:"sha256:60649437fab3d482bcea2b137b9e708a56d0b38cc148f570ddf542839a86b60d",text:`mutation GrantRole($input: RoleGrantInput!) {
  grantRole(input: $input) {
    __typename
    ... on RoleGrantPayload {
      changed
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},Zt={name:"Grants",kind:"query",id:"sha256:3905f7bf155e79c4ac383a74cd394a418a0002c960f5a1dc4f5fdfd7bc646a01",text:`query Grants($after: String) {
  grants(first: 50, after: $after) {
    nodes {
      actor
      projectId
      role
      grantedAt
      grantedBy
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}`},er={name:"LogEvents",kind:"subscription",id:"sha256:229bb44f2b8c9f9355d8f48597299e83fcbde8c506c483d667066fd4919fcc0c",text:`subscription LogEvents($projectId: ID!, $after: String, $families: [EventFamily!], $planId: ID) {
  events(
    projectId: $projectId
    after: $after
    families: $families
    planId: $planId
  ) {
    __typename
    ... on EventBatch {
      cursor
      events {
        ...LogEvent
      }
    }
    ... on Heartbeat {
      cursor
    }
    ... on Closing {
      cursor
      reason
    }
    ... on CursorExpired {
      code
      message
      cursor
    }
  }
}

fragment LogEvent on Event {
  seq
  eventId
  family
  type
  op
  entityType
  entityId
  planId
  actor
  timestamp
  fromStatus
  toStatus
  correlationId
  commandId
  changes
}`},nr={name:"Me",kind:"query",id:"sha256:102c8210850bf9ec42c5223318063ccacf0b3d2d37a6674edc51355265dcab64",text:`query Me {
  viewer {
    name
    method
    unrestricted
    tokenId
    grants {
      projectId
      roles
    }
  }
}`},tr={name:"Offers",kind:"query",id:"sha256:45e0e88370bad28aebc437511b839b860cc7356cfdbef184bacad2f1276490ca",text:`query Offers($name: String!) {
  capabilities(name: $name, first: 20) {
    nodes {
      reference
      offeredBy
      enabled
    }
  }
}`},rr={name:"OpenAlerts",kind:"query",id:"sha256:3be329a64db871a1afd16533f7995267d15263e730703b95576e5be788fa790c",text:`query OpenAlerts($status: AlertStatus, $before: Long) {
  alerts(status: $status, first: 50, before: $before) {
    ...AlertRow
  }
}

fragment AlertRow on Alert {
  id
  seq
  name
  message
  severity
  status
  source
  times
  projectId
  rule
  startedAt
  changedAt
  resolvedAt
  acknowledgedAt
  acknowledgedBy
  details
}`},ar={name:"Overview",kind:"query",id:"sha256:d0304c1360f36237090aabe47bb97bdb93dbb69ebf2465ff1c7664273b43b57a",text:`query Overview($projectId: ID) {
  systemOverview(projectId: $projectId) {
    sessions
    agents
    modules
    counts
    missing
  }
}`},or={name:"PausePlan",kind:"mutation",id:"sha256:1b6b43a9ea3b7b98a0688728443e3b0ef518d012b6c5d19560587ce12631c63d",text:`mutation PausePlan($input: PlanCommandInput!) {
  pausePlan(input: $input) {
    __typename
    ... on PlanPayload {
      seq
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},sr={name:"PendingApprovals",kind:"query",id:"sha256:76d3152dd9ea2f072aa64e2cf2921dd841067534d22b54cfd29d8018d715a1db",text:`query PendingApprovals($projectId: ID!, $after: String) {
  confirms(projectId: $projectId, status: pending, first: 100, after: $after) {
    nodes {
      id
      planId
      stepId
      reason
      requestedByRole
      approval {
        quorum
        approvals
        approvers
        roles
        expiresAt
        reasonRequired
      }
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}`},ir={name:"Plan",kind:"query",id:"sha256:fcdf6d8a192515be9cba7d16699bde3de20f7a42f4abba0da129e10ffeaf79ce",text:`query Plan($id: ID!) {
  plan(id: $id) {
    ...PlanHead
  }
}

fragment PlanHead on Plan {
  id
  uuid
  projectId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  recordedAt
  startedAt
  finishedAt
  onFailure
  goalMet
  derivation
  derivedFromId
  parentStepId
  successCriteria
  params
  traceId
  spending {
    limit {
      ...Sums
    }
    spent {
      ...Sums
    }
    reserved {
      ...Sums
    }
  }
}

fragment Sums on Amounts {
  tokens
  cost
  calls
  wallMs
}`},lr={name:"PlanProgress",kind:"subscription",id:"sha256:0e333148d1a55693ef973ac5079af803260dc2df02259fc08fee212182d5fb54",text:`subscription PlanProgress($planId: ID!, $after: String) {
  planProgress(planId: $planId, after: $after) {
    __typename
    ... on PlanProgress {
      status
      paused
      counts {
        ...Counts
      }
      changedSteps {
        ...StepNode
      }
      truncated
      finished
      cursor
    }
    ... on Heartbeat {
      cursor
    }
    ... on Closing {
      cursor
      reason
    }
    ... on CursorExpired {
      code
      message
      cursor
    }
  }
}

fragment Counts on StepCounts {
  total
  pending
  inProgress
  completed
  blocked
  skipped
  failed
}

fragment StepNode on Step {
  id
  revision
  key
  type
  capability
  agentRole
  status
  ready
  parked
  dueAt
  position
  attempt
  retries
  waitsFor
  skipReason
  startedAt
  finishedAt
  dependencyIds
  join
}`},ur={name:"PlanSteps",kind:"query",id:"sha256:4445ff5ded33266009b2c778e2ce9184520aa21fe94e6ad6e7f9f12a74d28b9d",text:`query PlanSteps($id: ID!, $after: String) {
  steps(planId: $id, first: 100, after: $after) {
    nodes {
      ...StepNode
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}

fragment StepNode on Step {
  id
  revision
  key
  type
  capability
  agentRole
  status
  ready
  parked
  dueAt
  position
  attempt
  retries
  waitsFor
  skipReason
  startedAt
  finishedAt
  dependencyIds
  join
}`},dr={name:"Plans",kind:"query",id:"sha256:104b6a4952da3bc04fbce8dbba6b6c5f89d0ce194a3d9fcd4f31026554d5be31",text:`query Plans($projectId: ID!, $status: PlanStatus, $after: String) {
  plans(
    projectId: $projectId
    status: $status
    latestFirst: true
    first: 100
    after: $after
  ) {
    nodes {
      ...PlanRow
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}

fragment PlanRow on Plan {
  id
  uuid
  title
  objective
  status
  paused
  loading
  stepsTotal
  stepsOpen
  stepsFailed
  recordedAt
  startedAt
  finishedAt
  derivation
}`},pr={name:"PlatformHealth",kind:"query",id:"sha256:b551881104fab9477b2904c701fd6bb5c497bde566398b532c3cdc67d46bf819",text:`query PlatformHealth {
  health {
    status
    version
    database
    schemaVersion
    problems
  }
  systemHealth {
    status
    checkedAt
    problems
    components {
      component
      status
      responseTimeMs
      checkedAt
      details
    }
  }
  systemMetrics {
    activeWorkflows
    completedWorkflows
    failedWorkflows
    cancelledWorkflows
    averageWorkflowDuration
    claimLagMs
    cpuUsage
    memoryUsage
    storageUsage
    networkLatency
    failedSteps
    collectedAt
  }
}`},cr={name:"Pools",kind:"query",id:"sha256:5a8d96d43061216bcec0981fd597a0e2662d217b42b8604261ff5c6747cdc121",text:`query Pools($after: String!) {
  resources(first: 50, after: $after) {
    name
    capacity
    limit
    used
    free
    wanted
    waiting
    allocations
    utilization
    maxUtilization
    strategy
    shares(first: 50) {
      allocationId
      holder
      amount
      state
      priority
      askedAt
      grantedAt
      leaseUntil
    }
  }
}`},gr={name:"ProjectName",kind:"query",id:"sha256:e8ea4e77d0bd87e7029a1f271d7a400fa9736a16373bcf3b693eac059963b2bf",text:`query ProjectName($id: ID!) {
  project(id: $id) {
    id
    uuid
    name
  }
}`},fr={name:"Projects",kind:"query",id:"sha256:d150f8d9dfbc5c0db5a04d5be5ae2ce600af96bd8327135e7b6bbf91e3915f17",text:`query Projects($after: String) {
  projects(first: 50, after: $after) {
    nodes {
      id
      uuid
      name
      description
      recordedAt
      changedAt
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}`},mr={name:"ProposePlan",kind:"mutation",id:"sha256:b7940a2572409fc16e2df25ba2b68aef27d796f2dc957123150bdab297dc5b79",text:`mutation ProposePlan($input: PlanCommandInput!) {
  proposePlan(input: $input) {
    __typename
    ... on PlanPayload {
      seq
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},yr={name:"Requests",kind:"query",id:"sha256:d30af462c2e2e3e618d637e284294d7125e869cea421a2a029c65fa21b5c1a01",text:`query Requests($projectId: ID!, $status: ConfirmStatus, $after: String) {
  confirms(projectId: $projectId, status: $status, first: 50, after: $after) {
    nodes {
      ...ApprovalRequest
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment ApprovalRequest on Confirm {
  id
  status
  reason
  requestedAt
  requestedByRole
  targetType
  planId
  stepId
  step {
    id
    key
    description
    capability
    params
    planId
    plan {
      id
      title
    }
  }
  target {
    __typename
    ... on Plan {
      id
      title
      objective
      status
      stepsTotal
    }
    ... on Context {
      id
      title
    }
  }
  approval {
    quorum
    approvals
    approvers
    roles
    expiresAt
    proposedBy
    reasonRequired
    separationOfDuty
    voided
    delegations
  }
  decisions {
    id
    status
    actor
    decidedByRole
    decidedAt
    reason
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}`},br={name:"ResumePlan",kind:"mutation",id:"sha256:f00a9ee7f5568df37dc823fff7f110ff04c537eb1298eb2303ed57faf0baa799",text:`mutation ResumePlan($input: PlanCommandInput!) {
  resumePlan(input: $input) {
    __typename
    ... on PlanPayload {
      seq
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},hr={name:"RevisePlan",kind:"mutation",id:"sha256:1fd61aaf7e692482f126e1a0f04215c891b5b007edcaface601ca17960cd4784",text:`mutation RevisePlan($input: PlanCommandInput!) {
  revisePlan(input: $input) {
    __typename
    ... on PlanPayload {
      seq
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},vr={name:"RevokeApiToken",kind:"mutation",id:"sha256:9482d47303d77dd94e27db7fc60925999fa05dd8269d5e104ea528461a54d99e",text:`mutation RevokeApiToken($input: RevokeApiTokenInput!) {
  revokeApiToken(input: $input) {
    __typename
    ... on RevokedApiTokenPayload {
      revoked
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},xr={name:"RevokeRole",kind:"mutation",id:"sha256:6edd49a15a452ea90995ecef1cd90074336303e5bce26e8be45b0c04a5d4a128",text:`mutation RevokeRole($input: RoleGrantInput!) {
  revokeRole(input: $input) {
    __typename
    ... on RoleGrantPayload {
      changed
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},kr={name:"SavedQuestions",kind:"query",id:"sha256:5c2de629cbbf6b715444cf30c623e5410ae321131e5047390ac7e82a8845e2ca",text:`query SavedQuestions {
  savedQuestions {
    name
    title
    text
    ofProject
    parameters {
      name
      description
    }
  }
}`},Ar={name:"SetBudget",kind:"mutation",id:"sha256:57701e58e0cbefba930cdbdc9446b50b08f8cd6ca24d8885c41332f5a58f1f46",text:`mutation SetBudget($input: SetBudgetInput!) {
  setBudget(input: $input) {
    __typename
    ... on BudgetPayload {
      seq
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},Pr={name:"StartPlan",kind:"mutation",id:"sha256:de4684920d9b9cbf90347ae7a261a696d963ab7b3b10ea8f43bf5e468106d6ac",text:`mutation StartPlan($input: PlanCommandInput!) {
  startPlan(input: $input) {
    __typename
    ... on PlanPayload {
      seq
    }
    ...Refusal
  }
}

fragment Refusal on Failure {
  code
  message
}`},Ir={name:"StepDetail",kind:"query",id:"sha256:14038629f6a0d31ff93f03e4a2dcb71bcb5b39283707b6f5aa1cf6604229300a",text:`query StepDetail($id: ID!) {
  step(id: $id) {
    ...StepNode
    uuid
    description
    condition
    timeoutMs
    urgency
    params
    output
    error
    subPlans {
      id
      title
      status
      derivation
    }
  }
}

fragment StepNode on Step {
  id
  revision
  key
  type
  capability
  agentRole
  status
  ready
  parked
  dueAt
  position
  attempt
  retries
  waitsFor
  skipReason
  startedAt
  finishedAt
  dependencyIds
  join
}`},wr={name:"Switches",kind:"query",id:"sha256:6d541a4d53941e8188ac1548171416681a1afa738eca07b9addcd553ed5d4a36",text:`query Switches($projectId: ID!) {
  killSwitches(projectId: $projectId) {
    scope
    planId
    actionType
    reason
    actor
  }
}`},Sr={name:"TraceSegments",kind:"query",id:"sha256:76b0112226ad97e0883442ebbdd184ff5ee81512f20901ad65d400763c4f1472",text:`query TraceSegments($id: ID!, $after: String) {
  trace(id: $id) {
    segments(first: 100, after: $after) {
      nodes {
        id
        stepId
        label
        status
        attempt
        startedAt
        finishedAt
        attributes
      }
      pageInfo {
        ...PageInfo
      }
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}`};function H(e,n){if(e.length<=n)return{shown:e,left:0};let t=e.charCodeAt(n-1),r=t>=55296&&t<=56319?n-1:n;return{shown:e.slice(0,r),left:e.length-r}}var Cn=/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;function ee(e){return e.replace(Cn,n=>`⟨U+${n.charCodeAt(0).toString(16).toUpperCase().padStart(4,"0")}⟩`)}function _r(e){if(e===null||!Number.isFinite(e))return"";let n=Math.max(0,e);if(n<1e3)return`${Math.round(n)} ms`;if(n<1e4)return`${(n/1e3).toFixed(1)} s`;if(n<6e4)return`${Math.round(n/1e3)} s`;let t=Math.floor(n/6e4);if(t<60)return me(t,"min",Math.floor(n%6e4/1e3),"s");let r=Math.floor(t/60);return r<48?me(r,"h",t%60,"min"):me(Math.floor(r/24),"d",r%24,"h")}function me(e,n,t,r){return t===0?`${e} ${n}`:`${e} ${n} ${t} ${r}`}function Cr(e){if(!e)return null;let n=Date.parse(e);return Number.isNaN(n)?null:n}function Er(e,n){let t=new Date(e),r=o=>String(o).padStart(2,"0"),a=`${r(t.getHours())}:${r(t.getMinutes())}:${r(t.getSeconds())}`;return n?`${t.getFullYear()}-${r(t.getMonth()+1)}-${r(t.getDate())} ${a}`:a}function Dr(e,n,t=`${n}s`){return`${e.toLocaleString("en")} ${e===1?n:t}`}var R=h(I(),1);var p=h(C(),1);function Ue({children:e,most:n=600}){let[t,r]=(0,R.useState)(!1),a=e??"",{shown:o,left:s}=H(a,t?Math.max(n,ne):n);return(0,p.jsxs)("span",{className:"text",children:[(0,p.jsx)("bdi",{children:ee(o)}),s>0&&!t&&(0,p.jsxs)("button",{type:"button",className:"more",onClick:()=>r(!0),children:[s.toLocaleString()," more"]}),s>0&&t&&(0,p.jsxs)("span",{className:"dim",children:[" … ",s.toLocaleString()," more characters are not shown"]})]})}var ne=5e4;function qr({children:e,className:n=""}){let t=e??"";return(0,p.jsx)("span",{className:`line ${n}`,title:H(t,1e3).shown,children:(0,p.jsx)("bdi",{children:ee(H(t,300).shown)})})}function Or({value:e,label:n}){let[t,r]=(0,R.useState)(4e3),a=(0,R.useMemo)(()=>e===void 0?"":JSON.stringify(e,null,2)??"null",[e]),{shown:o,left:s}=H(a,t);return(0,p.jsxs)("div",{className:"json",children:[(0,p.jsxs)("div",{className:"json-tools",children:[n&&(0,p.jsx)("span",{className:"dim",children:n}),(0,p.jsx)(Dn,{text:a})]}),(0,p.jsx)("pre",{tabIndex:0,"aria-label":n??"JSON",children:(0,p.jsx)("bdi",{children:ee(o)})}),s>0&&t<ne&&(0,p.jsxs)("button",{type:"button",className:"more",onClick:()=>r(ne),children:[s.toLocaleString()," more characters"]}),s>0&&t>=ne&&(0,p.jsxs)("p",{className:"dim",children:[s.toLocaleString()," more characters are not shown; copy to have all of it."]})]})}function Dn({text:e,label:n="Copy"}){let[t,r]=(0,R.useState)(null),a=async()=>{try{await navigator.clipboard.writeText(e),r("Copied")}catch{r("Not allowed")}setTimeout(()=>r(null),1500)};return(0,p.jsx)("button",{type:"button",className:"button small ghost",onClick:()=>{a()},children:(0,p.jsx)("span",{"aria-live":"polite",children:t??n})})}function Nr({of:e}){let n=(0,R.useId)();return(0,p.jsx)("dl",{className:"facts",children:e.filter(([,t])=>t!=null&&t!==""&&t!==!1).map(([t,r])=>(0,p.jsxs)("div",{children:[(0,p.jsx)("dt",{children:t}),(0,p.jsx)("dd",{children:r})]},`${n}${t}`))})}function jr({href:e,children:n}){let t=null;try{let r=new URL(e??"");(r.protocol==="http:"||r.protocol==="https:")&&(t=r.href)}catch{t=null}return t===null?(0,p.jsx)("span",{children:n}):(0,p.jsx)("a",{href:t,target:"_blank",rel:"noopener noreferrer nofollow",children:n})}var We=h(I(),1);var m=h(C(),1);function Tn({what:e="Loading"}){return(0,m.jsxs)("div",{className:"state loading",role:"status",children:[(0,m.jsx)("span",{className:"spinner","aria-hidden":"true"}),e,"…"]})}function Fr({title:e,children:n}){return(0,m.jsxs)("div",{className:"state empty",children:[(0,m.jsx)("h3",{children:e}),n&&(0,m.jsx)("div",{className:"dim",children:n})]})}function Ye({error:e,retry:n}){return(0,m.jsxs)("div",{className:"state problem",role:"alert",children:[(0,m.jsx)("h3",{children:e.code==="unreachable"?"The API does not answer":"That did not work"}),(0,m.jsxs)("p",{children:[(0,m.jsx)(Ue,{children:e.message})," ",(0,m.jsx)("code",{className:"dim",children:e.code})]}),n&&(0,m.jsx)("button",{type:"button",className:"button",onClick:n,children:"Try again"})]})}function Lr({of:e,what:n,children:t}){return e.data!==null?(0,m.jsx)(m.Fragment,{children:t(e.data)}):e.error!==null?(0,m.jsx)(Ye,{error:e.error,retry:e.reload}):(0,m.jsx)(Tn,{what:n})}var Ge=class extends We.Component{state={error:null};static getDerivedStateFromError(n){return{error:n instanceof Error?n:new Error(String(n))}}componentDidUpdate(n){n.name!==this.props.name&&this.state.error&&this.setState({error:null})}again(){/module/i.test(this.state.error?.message??"")?location.reload():this.setState({error:null})}render(){return this.state.error?(0,m.jsx)(Ye,{error:{message:this.state.error.message,code:"console_error"},retry:()=>this.again()}):this.props.children}};var te=h(I(),1);var U=k([]);function $n(e){return e instanceof HTMLElement&&(e.isContentEditable||/^(INPUT|TEXTAREA|SELECT)$/.test(e.tagName))}function Ur(e){let n=(0,te.useRef)(e);n.current=e;let t=e.map(r=>`${r.keys}\0${r.label}`).join(`
`);(0,te.useEffect)(()=>{let r=n.current.map((a,o)=>({...a,run:()=>n.current[o]?.run()}));return U.set([...U.get(),...r]),()=>U.set(U.get().filter(a=>!r.includes(a)))},[t])}var qn=1200;function Gr(){let e="",n=0,t=r=>{if(r.defaultPrevented||r.ctrlKey||r.metaKey||r.altKey||$n(r.target)&&r.key!=="Escape"||document.querySelector("dialog[open]")&&r.key!=="Escape")return;let a=e&&Date.now()-n<qn?`${e} ${r.key}`:"",o=[...U.get()].reverse(),s=o.find(l=>l.keys===a)??o.find(l=>l.keys===r.key);e=o.some(l=>l.keys.startsWith(`${r.key} `))?r.key:"",n=Date.now(),s&&(e="",r.preventDefault(),s.run())};return window.addEventListener("keydown",t),()=>window.removeEventListener("keydown",t)}export{Y as a,h as b,I as c,k as d,V as e,_ as f,Fn as g,q as h,$e as i,g as j,Gn as k,Wn as l,Yn as m,Qn as n,je as o,zn as p,Xn as q,Zn as r,et as s,C as t,ot as u,st as v,it as w,lt as x,ut as y,dt as z,pt as A,B,ge as C,Dt as D,Sn as E,Tt as F,$t as G,qt as H,Nt as I,jt as J,Vt as K,Mt as L,Ft as M,Lt as N,Bt as O,Ht as P,Ut as Q,Gt as R,Wt as S,Yt as T,Qt as U,Jt as V,Kt as W,zt as X,Xt as Y,Zt as Z,er as _,nr as $,tr as aa,rr as ba,ar as ca,or as da,sr as ea,ir as fa,lr as ga,ur as ha,dr as ia,pr as ja,cr as ka,gr as la,fr as ma,mr as na,yr as oa,br as pa,hr as qa,vr as ra,xr as sa,kr as ta,Ar as ua,Pr as va,Ir as wa,wr as xa,Sr as ya,H as za,ee as Aa,_r as Ba,Cr as Ca,Er as Da,Dr as Ea,Ue as Fa,qr as Ga,Or as Ha,Dn as Ia,Nr as Ja,jr as Ka,Tn as La,Fr as Ma,Ye as Na,Lr as Oa,Ge as Pa,U as Qa,Ur as Ra,Gr as Sa};
