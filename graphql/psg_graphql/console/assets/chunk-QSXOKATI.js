var ze=Object.create;var ye=Object.defineProperty;var Je=Object.getOwnPropertyDescriptor;var Ke=Object.getOwnPropertyNames;var Qe=Object.getPrototypeOf,Ge=Object.prototype.hasOwnProperty;var z=(e,n)=>()=>{try{return n||e((n={exports:{}}).exports,n),n.exports}catch(t){throw n=0,t}};var Xe=(e,n,t,r)=>{if(n&&typeof n=="object"||typeof n=="function")for(let s of Ke(n))!Ge.call(e,s)&&s!==t&&ye(e,s,{get:()=>n[s],enumerable:!(r=Je(n,s))||r.enumerable});return e};var b=(e,n,t)=>(t=e!=null?ze(Qe(e)):{},Xe(n||!e||!e.__esModule?ye(t,"default",{value:e,enumerable:!0}):t,e));var Ce=z(i=>{"use strict";var se=Symbol.for("react.transitional.element"),Ze=Symbol.for("react.portal"),en=Symbol.for("react.fragment"),nn=Symbol.for("react.strict_mode"),tn=Symbol.for("react.profiler"),rn=Symbol.for("react.consumer"),sn=Symbol.for("react.context"),an=Symbol.for("react.forward_ref"),on=Symbol.for("react.suspense"),ln=Symbol.for("react.memo"),xe=Symbol.for("react.lazy"),un=Symbol.for("react.activity"),dn=Symbol.for("react.view_transition"),be=Symbol.iterator;function pn(e){return e===null||typeof e!="object"?null:(e=be&&e[be]||e["@@iterator"],typeof e=="function"?e:null)}var Se={isMounted:function(){return!1},enqueueForceUpdate:function(){},enqueueReplaceState:function(){},enqueueSetState:function(){}},ke=Object.assign,Ae={};function O(e,n,t){this.props=e,this.context=n,this.refs=Ae,this.updater=t||Se}O.prototype.isReactComponent={};O.prototype.setState=function(e,n){if(typeof e!="object"&&typeof e!="function"&&e!=null)throw Error("takes an object of state variables to update or a function which returns an object of state variables.");this.updater.enqueueSetState(this,e,n,"setState")};O.prototype.forceUpdate=function(e){this.updater.enqueueForceUpdate(this,e,"forceUpdate")};function Ie(){}Ie.prototype=O.prototype;function ae(e,n,t){this.props=e,this.context=n,this.refs=Ae,this.updater=t||Se}var oe=ae.prototype=new Ie;oe.constructor=ae;ke(oe,O.prototype);oe.isPureReactComponent=!0;var he=Array.isArray;function re(){}var d={H:null,A:null,T:null,S:null},we=Object.prototype.hasOwnProperty;function ie(e,n,t){var r=t.ref;return{$$typeof:se,type:e,key:n,ref:r!==void 0?r:null,props:t}}function cn(e,n){return ie(e.type,n,e.props)}function le(e){return typeof e=="object"&&e!==null&&e.$$typeof===se}function gn(e){var n={"=":"=0",":":"=2"};return"$"+e.replace(/[=:]/g,function(t){return n[t]})}var ve=/\/+/g;function te(e,n){return typeof e=="object"&&e!==null&&e.key!=null?gn(""+e.key):n.toString(36)}function fn(e){switch(e.status){case"fulfilled":return e.value;case"rejected":throw e.reason;default:switch(typeof e.status=="string"?e.then(re,re):(e.status="pending",e.then(function(n){e.status==="pending"&&(e.status="fulfilled",e.value=n)},function(n){e.status==="pending"&&(e.status="rejected",e.reason=n)})),e.status){case"fulfilled":return e.value;case"rejected":throw e.reason}}throw e}function N(e,n,t,r,s){var a=typeof e;(a==="undefined"||a==="boolean")&&(e=null);var o=!1;if(e===null)o=!0;else switch(a){case"bigint":case"string":case"number":o=!0;break;case"object":switch(e.$$typeof){case se:case Ze:o=!0;break;case xe:return o=e._init,N(o(e._payload),n,t,r,s)}}if(o)return s=s(e),o=r===""?"."+te(e,0):r,he(s)?(t="",o!=null&&(t=o.replace(ve,"$&/")+"/"),N(s,n,t,"",function(c){return c})):s!=null&&(le(s)&&(s=cn(s,t+(s.key==null||e&&e.key===s.key?"":(""+s.key).replace(ve,"$&/")+"/")+o)),n.push(s)),1;o=0;var u=r===""?".":r+":";if(he(e))for(var l=0;l<e.length;l++)r=e[l],a=u+te(r,l),o+=N(r,n,t,a,s);else if(l=pn(e),typeof l=="function")for(e=l.call(e),l=0;!(r=e.next()).done;)r=r.value,a=u+te(r,l++),o+=N(r,n,t,a,s);else if(a==="object"){if(typeof e.then=="function")return N(fn(e),n,t,r,s);throw n=String(e),Error("Objects are not valid as a React child (found: "+(n==="[object Object]"?"object with keys {"+Object.keys(e).join(", ")+"}":n)+"). If you meant to render a collection of children, use an array instead.")}return o}function J(e,n,t){if(e==null)return e;var r=[],s=0;return N(e,r,"","",function(a){return n.call(t,a,s++)}),r}function mn(e){if(e._status===-1){var n=e._result,t=n();t.then(function(r){(e._status===0||e._status===-1)&&(e._status=1,e._result=r,t.status===void 0&&(t.status="fulfilled",t.value=r))},function(r){(e._status===0||e._status===-1)&&(e._status=2,e._result=r,t.status===void 0&&(t.status="rejected",t.reason=r))}),e._status===-1&&(e._status=0,e._result=t)}if(e._status===1)return e._result.default;throw e._result}var Pe=typeof reportError=="function"?reportError:function(e){if(typeof window=="object"&&typeof window.ErrorEvent=="function"){var n=new window.ErrorEvent("error",{bubbles:!0,cancelable:!0,message:typeof e=="object"&&e!==null&&typeof e.message=="string"?String(e.message):String(e),error:e});if(!window.dispatchEvent(n))return}else if(typeof process=="object"&&typeof process.emit=="function"){process.emit("uncaughtException",e);return}console.error(e)};function _e(e){var n=d.T,t={};t.types=n!==null?n.types:null,d.T=t;try{var r=e(),s=d.S;s!==null&&s(t,r),typeof r=="object"&&r!==null&&typeof r.then=="function"&&r.then(re,Pe)}catch(a){Pe(a)}finally{n!==null&&t.types!==null&&(n.types=t.types),d.T=n}}function Ee(e){var n=d.T;if(n!==null){var t=n.types;t===null?n.types=[e]:t.indexOf(e)===-1&&t.push(e)}else _e(Ee.bind(null,e))}var yn={map:J,forEach:function(e,n,t){J(e,function(){n.apply(this,arguments)},t)},count:function(e){var n=0;return J(e,function(){n++}),n},toArray:function(e){return J(e,function(n){return n})||[]},only:function(e){if(!le(e))throw Error("React.Children.only expected to receive a single React element child.");return e}};i.Activity=un;i.Children=yn;i.Component=O;i.Fragment=en;i.Profiler=tn;i.PureComponent=ae;i.StrictMode=nn;i.Suspense=on;i.ViewTransition=dn;i.__CLIENT_INTERNALS_DO_NOT_USE_OR_WARN_USERS_THEY_CANNOT_UPGRADE=d;i.__COMPILER_RUNTIME={__proto__:null,c:function(e){return d.H.useMemoCache(e)}};i.addTransitionType=Ee;i.cache=function(e){return function(){return e.apply(null,arguments)}};i.cacheSignal=function(){return null};i.cloneElement=function(e,n,t){if(e==null)throw Error("The argument must be a React element, but you passed "+e+".");var r=ke({},e.props),s=e.key;if(n!=null)for(a in n.key!==void 0&&(s=""+n.key),n)!we.call(n,a)||a==="key"||a==="__self"||a==="__source"||a==="ref"&&n.ref===void 0||(r[a]=n[a]);var a=arguments.length-2;if(a===1)r.children=t;else if(1<a){for(var o=Array(a),u=0;u<a;u++)o[u]=arguments[u+2];r.children=o}return ie(e.type,s,r)};i.createContext=function(e){return e={$$typeof:sn,_currentValue:e,_currentValue2:e,_threadCount:0,Provider:null,Consumer:null},e.Provider=e,e.Consumer={$$typeof:rn,_context:e},e};i.createElement=function(e,n,t){var r,s={},a=null;if(n!=null)for(r in n.key!==void 0&&(a=""+n.key),n)we.call(n,r)&&r!=="key"&&r!=="__self"&&r!=="__source"&&(s[r]=n[r]);var o=arguments.length-2;if(o===1)s.children=t;else if(1<o){for(var u=Array(o),l=0;l<o;l++)u[l]=arguments[l+2];s.children=u}if(e&&e.defaultProps)for(r in o=e.defaultProps,o)s[r]===void 0&&(s[r]=o[r]);return ie(e,a,s)};i.createRef=function(){return{current:null}};i.forwardRef=function(e){return{$$typeof:an,render:e}};i.isValidElement=le;i.lazy=function(e){return{$$typeof:xe,_payload:{_status:-1,_result:e},_init:mn}};i.memo=function(e,n){return{$$typeof:ln,type:e,compare:n===void 0?null:n}};i.startTransition=_e;i.unstable_useCacheRefresh=function(){return d.H.useCacheRefresh()};i.use=function(e){return d.H.use(e)};i.useActionState=function(e,n,t){return d.H.useActionState(e,n,t)};i.useCallback=function(e,n){return d.H.useCallback(e,n)};i.useContext=function(e){return d.H.useContext(e)};i.useDebugValue=function(){};i.useDeferredValue=function(e,n){return d.H.useDeferredValue(e,n)};i.useEffect=function(e,n){return d.H.useEffect(e,n)};i.useEffectEvent=function(e){return d.H.useEffectEvent(e)};i.useId=function(){return d.H.useId()};i.useImperativeHandle=function(e,n,t){return d.H.useImperativeHandle(e,n,t)};i.useInsertionEffect=function(e,n){return d.H.useInsertionEffect(e,n)};i.useLayoutEffect=function(e,n){return d.H.useLayoutEffect(e,n)};i.useMemo=function(e,n){return d.H.useMemo(e,n)};i.useOptimistic=function(e,n){return d.H.useOptimistic(e,n)};i.useReducer=function(e,n,t){return d.H.useReducer(e,n,t)};i.useRef=function(e){return d.H.useRef(e)};i.useState=function(e){return d.H.useState(e)};i.useSyncExternalStore=function(e,n,t){return d.H.useSyncExternalStore(e,n,t)};i.useTransition=function(){return d.H.useTransition()};i.version="19.3.1"});var k=z((On,Re)=>{"use strict";Re.exports=Ce()});var qe=z(G=>{"use strict";var vn=Symbol.for("react.transitional.element"),Pn=Symbol.for("react.fragment");function je(e,n,t){var r=null;if(t!==void 0&&(r=""+t),n.key!==void 0&&(r=""+n.key),"key"in n){t={};for(var s in n)s!=="key"&&(t[s]=n[s])}else t=n;return n=t.ref,{$$typeof:vn,type:e,key:r,ref:n!==void 0?n:null,props:t}}G.Fragment=Pn;G.jsx=je;G.jsxs=je});var D=z((Xn,Ve)=>{"use strict";Ve.exports=qe()});var De=b(k(),1);function v(e){let n=e,t=new Set;return{get:()=>n,set:r=>{if(!Object.is(r,n)){n=r;for(let s of[...t])s()}},follow:r=>(t.add(r),()=>t.delete(r))}}function M(e){return(0,De.useSyncExternalStore)(e.follow,e.get)}var K={version:"",auth:[],documents:"off",browser:null,ide:!0,docs:{}},R=v(K);function bn(e){return typeof e=="string"?e.split(",").map(n=>n.trim()):Array.isArray(e)?e.filter(n=>typeof n=="string"):[]}function hn(e){if(typeof e!="object"||e===null)return K;let n=e,t=typeof n.docs=="object"&&n.docs!==null?Object.entries(n.docs):[];return{version:typeof n.version=="string"?n.version:K.version,auth:bn(n.auth),documents:typeof n.documents=="string"?n.documents:K.documents,browser:typeof n.browser=="string"?n.browser:null,ide:n.ide!==!1,docs:Object.fromEntries(t.filter(r=>typeof r[1]=="string"))}}async function Vn(){try{let e=await fetch("/console/config.json",{headers:{accept:"application/json"}});e.ok&&R.set(hn(await e.json()))}catch{}}var ue="psg.token",Te="psg.actor";function $e(e){try{return sessionStorage.getItem(e)}catch{return null}}function de(e,n){try{n===null?sessionStorage.removeItem(e):sessionStorage.setItem(e,n)}catch{}}var m=v({token:$e(ue),actor:$e(Te),needed:!1,reason:null});function Ln(e){de(ue,e),m.set({...m.get(),token:e,needed:!1,reason:null})}function Bn(){de(ue,null),m.set({...m.get(),token:null,needed:!0,reason:null})}function j(e,n){m.get().token===e&&m.set({...m.get(),needed:!0,reason:e===null?null:n})}function Hn(e){let n=e?.replace(/[^\x20-\x7e]/g,"").trim()||null;de(Te,n),m.set({...m.get(),actor:n})}function q(){let{token:e,actor:n}=m.get();return{...e?{authorization:`Bearer ${e}`}:{},...n?{actor:n}:{}}}var Ne=b(k(),1);var Q=v(typeof location>"u"?"/":location.pathname+location.search);function Oe(e,n=!1){e!==Q.get()&&(n?history.replaceState(null,"",e):history.pushState(null,"",e),Q.set(location.pathname+location.search))}typeof window<"u"&&window.addEventListener("popstate",()=>Q.set(location.pathname+location.search));function Yn(){let e=M(Q);return(0,Ne.useMemo)(()=>{let n=e.indexOf("?");return n<0?{path:e,query:new URLSearchParams}:{path:e.slice(0,n),query:new URLSearchParams(e.slice(n))}},[e])}function zn(e){let n=new URLSearchParams(location.search);for(let[r,s]of Object.entries(e))s===null||s===""?n.delete(r):n.set(r,s);let t=n.toString();return location.pathname+(t?`?${t}`:"")}function Jn(e,n){let t=e.split("/").filter(Boolean),r=n.split("/").filter(Boolean);if(t.length!==r.length)return null;let s={};for(let[a,o]of t.entries()){let u=r[a];if(!o.startsWith(":")){if(o!==u)return null;continue}try{s[o.slice(1)]=decodeURIComponent(u)}catch{return null}}return s}function Kn(e,n){return e.replace(/:(\w+)/g,(t,r)=>encodeURIComponent(n[r]??""))}var $=b(k(),1);var y=b(D(),1);function et({children:e,onClick:n,kind:t="plain",small:r,disabled:s,busy:a,title:o}){return(0,y.jsx)("button",{type:"button",className:`button ${t} ${r?"small":""}`,onClick:n,disabled:s===!0||a===!0,"aria-busy":a||void 0,title:o,children:e})}function nt({to:e,children:n,className:t,current:r}){return(0,y.jsx)("a",{href:e,onClick:a=>{a.button!==0||a.metaKey||a.ctrlKey||a.shiftKey||a.altKey||(a.preventDefault(),Oe(e))},className:t,"aria-current":r?"page":void 0,children:n})}function tt({label:e,value:n,options:t,onChange:r}){return(0,y.jsx)("div",{className:"choice",role:"group","aria-label":e,children:t.map(([s,a])=>(0,y.jsx)("button",{type:"button","aria-pressed":s===n,onClick:()=>r(s),children:a},s??""))})}function rt({label:e,value:n,options:t,onChange:r}){let s=(0,$.useId)();return(0,y.jsxs)("label",{className:"field inline",htmlFor:s,children:[(0,y.jsx)("span",{children:e}),(0,y.jsx)("select",{id:s,value:n,onChange:a=>r(a.target.value),children:t.map(([a,o])=>(0,y.jsx)("option",{value:a,children:o},a))})]})}function st({value:e,onChange:n,label:t,id:r}){return(0,y.jsx)("input",{type:"search",className:"search",id:r,value:e,placeholder:t,"aria-label":t,maxLength:200,spellCheck:!1,onChange:s=>n(s.target.value),onKeyDown:s=>{s.key==="Escape"&&e!==""?(s.preventDefault(),n("")):s.key==="Escape"&&s.currentTarget.blur()}})}function at({title:e,children:n,onClose:t,wide:r}){let s=(0,$.useRef)(null),a=(0,$.useId)();return(0,$.useEffect)(()=>{let o=s.current;return o?.showModal(),()=>o?.close()},[]),(0,y.jsx)("dialog",{ref:s,"aria-labelledby":a,className:r?"wide":"",onCancel:o=>{o.preventDefault(),t()},onClick:o=>o.target===s.current&&t(),children:(0,y.jsxs)("div",{className:"dialog-body",children:[(0,y.jsx)("h2",{id:a,children:e}),n]})})}function ot({parts:e,total:n,label:t}){let r=e.filter(a=>a.value>0).map(a=>`${a.value} ${a.name}`),s=`${t}: ${r.join(", ")||"nothing yet"}`;return(0,y.jsx)("span",{className:"meter",role:"img","aria-label":s,title:s,children:e.map(a=>(0,y.jsx)("span",{className:`tone-${a.tone}`,style:{width:n>0?`${100*a.value/n}%`:0}},a.name))})}var S=class extends Error{constructor(t,r,s=!1,a=null){super(t);this.code=r;this.retryable=s;this.details=a;this.name="ApiError"}code;retryable;details},F=class extends S{constructor(n){super(n,"unreachable",!0),this.name="Unreachable"}},P=class extends S{constructor(n){super(n,"unauthenticated"),this.name="Unauthenticated"}};function L(e){let n=e[0]??{},t=typeof n.message=="string"&&n.message!==""?n.message:"The API refused the request",r=typeof n.extensions?.code=="string"?n.extensions.code:"error";return r==="unauthenticated"?new P(t):new S(t,r,n.extensions?.retryable===!0,n.extensions?.details??null)}function B(e){return e instanceof S?e:new S(e instanceof Error?e.message:String(e),"error")}var V=v({reachable:!0,returns:0,retryAt:null}),xn=500,Sn=15e3,Me=0,A=null;function pe(e,n=Math.random){let t=Math.min(Sn,xn*2**Math.min(e,10));return Math.round(t/2+t/2*n())}function H(){A!==null&&clearTimeout(A),A=null,Me=0;let e=V.get();e.reachable||V.set({reachable:!0,returns:e.returns+1,retryAt:null})}function I(){if(A!==null)return;let e=pe(Me++);V.set({...V.get(),reachable:!1,retryAt:Date.now()+e}),A=setTimeout(()=>{Fe()},e)}async function Fe(){A!==null&&clearTimeout(A),A=null;try{(await fetch("/healthz",{cache:"no-store"})).ok?H():I()}catch{I()}}typeof window<"u"&&(window.addEventListener("online",()=>{Fe()}),window.addEventListener("offline",I));var kn="application/graphql-response+json, application/json;q=0.9";function X(e,n,t){return{...t?{documentId:e.id}:{query:e.text},operationName:e.name,variables:n}}async function Le(e,n){let{authorization:t,actor:r}=q(),s={"content-type":"application/json",accept:kn};t&&(s.authorization=t),r&&(s["x-psg-actor"]=r);let a;try{a=await fetch("/graphql",{method:"POST",headers:s,body:JSON.stringify(e),signal:n??null,cache:"no-store",credentials:"omit",redirect:"error",referrerPolicy:"no-referrer"})}catch(o){throw n?.aborted?o:(I(),new F("The API does not answer"))}try{let o=await a.json();return H(),{status:a.status,answer:o}}catch(o){if(n?.aborted)throw o;if(a.status===401)return{status:401,answer:{}};throw I(),new F(`The API gave no readable answer (status ${a.status})`)}}async function ce(e,n,t){let r=m.get().token,s=R.get().documents==="only"||R.get().documents==="prefer",{status:a,answer:o}=await Le(X(e,n,s),t),u=o.errors?.[0]?.extensions?.code;if(s&&u==="document_unknown"&&R.get().documents==="prefer"&&({status:a,answer:o}=await Le(X(e,n,!1),t)),a===401){let l=o.errors?.[0]?.message,c=new P(typeof l=="string"?l:"A token is needed");throw j(r,c.message),c}if(o.errors&&o.errors.length>0){let l=L(o.errors);throw l instanceof P&&j(r,l.message),l}if(o.data===void 0||o.data===null)throw new S("The API gave no data","error",!0);return o.data}var g=b(k(),1);var An=4e4,ge=class{constructor(n){this.address=n}address;socket=null;acknowledged=!1;running=new Map;counter=0;attempt=0;retry=null;silence=null;token=null;subscribe(n,t,r){let s=String(++this.counter);return this.running.set(s,{operation:n,variables:t,listener:r}),this.acknowledged?this.start(s):this.connect(),()=>this.stop(s)}reconnect(){this.attempt=0,this.drop(),this.running.size>0&&this.connect()}connect(){if(this.socket!==null)return;this.retry!==null&&clearTimeout(this.retry),this.retry=null,this.token=m.get().token;let n=new WebSocket(this.address(),"graphql-transport-ws");this.socket=n,this.watch(),n.onopen=()=>this.send({type:"connection_init",payload:q()}),n.onmessage=t=>{this.socket===n&&this.receive(String(t.data))},n.onclose=t=>{this.socket===n&&this.closed(t.code,t.reason)}}receive(n){this.watch();let t=JSON.parse(n);if(t.type==="ping")this.send({type:"pong"});else if(t.type==="connection_ack"){this.acknowledged=!0,this.attempt=0,H();for(let r of this.running.keys())this.start(r)}else t.id!==void 0&&this.dispatch(t.id,t)}dispatch(n,t){let r=this.running.get(n);if(r)if(t.type==="next"){let s=t.payload;s.errors&&s.errors.length>0?this.fail(n,r,L(s.errors)):r.listener.next(s.data)}else t.type==="error"?this.fail(n,r,L(Array.isArray(t.payload)?t.payload:[])):t.type==="complete"&&(this.running.delete(n),r.listener.complete(),this.rest())}fail(n,t,r){this.stop(n),r instanceof P&&j(this.token,r.message),t.listener.error(r)}start(n){let t=this.running.get(n);if(!t)return;let r=R.get().documents==="only";try{this.send({id:n,type:"subscribe",payload:X(t.operation,t.variables(),r)})}catch(s){t.listener.error(B(s))}}stop(n){this.running.delete(n)&&this.acknowledged&&this.send({id:n,type:"complete"}),this.rest()}rest(){this.running.size===0&&this.drop()}closed(n,t){if(this.drop(),this.running.size!==0){if(n===4401||n===4403){j(this.token,t&&t!=="Forbidden"?t:"The token was refused");return}for(let{listener:r}of this.running.values())r.interrupted?.();n!==1e3&&n!==1001&&n!==1012&&I(),this.retry=setTimeout(()=>this.connect(),pe(this.attempt++))}}drop(){let n=this.socket;this.socket=null,this.acknowledged=!1,this.silence!==null&&clearTimeout(this.silence),this.retry!==null&&clearTimeout(this.retry),this.silence=this.retry=null,n&&n.readyState<=WebSocket.OPEN&&n.close(1e3)}watch(){this.silence!==null&&clearTimeout(this.silence),this.silence=setTimeout(()=>this.closed(4408,"silence"),An)}send(n){this.socket?.readyState===WebSocket.OPEN&&this.socket.send(JSON.stringify(n))}},fe=new ge(()=>`${location.protocol==="https:"?"wss":"ws"}://${location.host}/graphql`),Be=JSON.stringify(q());m.follow(()=>{let e=JSON.stringify(q());e!==Be&&fe.reconnect(),Be=e});function Et(e,n,t=0){let r=n===null?"":JSON.stringify([e.name,n]),{returns:s}=M(V),{token:a,actor:o}=M(m),[u,l]=(0,g.useState)(0),[c,_]=(0,g.useState)({key:"",data:null,error:null,loading:!0}),E=(0,g.useRef)(n);E.current=n,(0,g.useEffect)(()=>{if(E.current===null)return;let h=new AbortController;return _(x=>({...x.key===r?x:{data:null,error:null},key:r,loading:!0})),ce(e,E.current,h.signal).then(x=>_({key:r,data:x,error:null,loading:!1}),x=>{h.signal.aborted||_(C=>({key:r,data:C.key===r?C.data:null,error:B(x),loading:!1}))}),()=>h.abort()},[e,r,u,s,a,o]);let T=(0,g.useCallback)(()=>l(h=>h+1),[]);return In(T,r===""?0:t),(0,g.useMemo)(()=>{let h=c.key===r;return{data:h?c.data:null,error:h?c.error:null,loading:!h||c.loading,reload:T}},[c,r,T])}function In(e,n){let t=(0,g.useRef)(e);t.current=e,(0,g.useEffect)(()=>{if(n<=0)return;let r=()=>{document.visibilityState==="visible"&&t.current()},s=setInterval(r,n);return document.addEventListener("visibilitychange",r),()=>{clearInterval(s),document.removeEventListener("visibilitychange",r)}},[n])}function wn(e){return typeof e=="object"&&e!==null&&"code"in e&&"message"in e}function Ct(e){let[n,t]=(0,g.useState)(!1),[r,s]=(0,g.useState)(null),a=(0,g.useCallback)(async u=>{t(!0),s(null);try{let l=await ce(e,u),c=Object.values(l).find(wn);return c&&s(c.message),c===void 0}catch(l){let c=B(l);return c instanceof P||s(c.message),!1}finally{t(!1)}},[e]),o=(0,g.useCallback)(()=>s(null),[]);return{busy:n,problem:r,run:a,clear:o}}function Rt(){if(typeof crypto.randomUUID=="function")return crypto.randomUUID();let e=crypto.getRandomValues(new Uint8Array(16));return e[6]=e[6]&15|64,e[8]=e[8]&63|128,Array.from(e,t=>t.toString(16).padStart(2,"0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/,"$1-$2-$3-$4-$5")}function Dt(e,n,t){let[r,s]=(0,g.useState)("off"),a=(0,g.useRef)(t);a.current=t;let o=(0,g.useRef)(n);o.current=n;let u=n===null?"":JSON.stringify(n),l=t.generation??0;return(0,g.useEffect)(()=>{if(o.current===null){s("off");return}let c=o.current,_=a.current.after??c.after??null,E=!1,T=()=>{},h=()=>{s("connecting"),T=fe.subscribe(e,()=>_===null?c:{...c,after:_},{next:C=>{let Y=Object.values(C)[0];Y?.__typename!=="CursorExpired"&&typeof Y?.cursor=="string"&&(_=Y.cursor),x=Y?.__typename==="Closing",s("live"),a.current.onItem(C)},interrupted:()=>s("interrupted"),error:C=>{s("ended"),a.current.onError?.(C)},complete:()=>{x&&!E?setTimeout(()=>!E&&h(),500):s("ended")}})},x=!1;return h(),()=>{E=!0,T()}},[e,u,l]),r}var Tt={name:"AcknowledgeAlert",kind:"mutation",id:"sha256:73604aaf27e2a745a36356f059fe7a3cb3c6ae6bfee33f39041d89ba15cd0586",text:`mutation AcknowledgeAlert($input: AcknowledgeAlertInput!) {
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
}`},Nt={name:"ApprovePlan",kind:"mutation",id:"sha256:4670d74f17ca8b9376e4dcf5faa62f369887191d806c906086f8f9da41bb21ac",text:`mutation ApprovePlan($input: ApprovePlanInput!) {
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
}`},Ot={name:"Budgets",kind:"query",id:"sha256:1b5b22f144fc11675a060e3ee9a6e18eb0833cab87bfd32d46a02e2ae9f2e586",text:`query Budgets($projectId: ID!, $after: String) {
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
}`},jt={name:"CancelPlan",kind:"mutation",id:"sha256:959a0caad91ea3d5d0a81d6e0c984d6a6c6ad775d20944a5e16b88ba4b4ca4b2",text:`mutation CancelPlan($input: PlanCommandInput!) {
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
}`},qt={name:"CollabSession",kind:"query",id:"sha256:7fd8602fddb3d41c64c7cd70096d2d7c0f47f3bda8497cb24b79e022cbb5aed5",text:`query CollabSession($collabId: ID!) {
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
}`},Vt={name:"Collabs",kind:"query",id:"sha256:6e6338adbc24b34907ff5815255b2524641846f97db529566ec4472b3f62d44e",text:`query Collabs($projectId: ID!, $after: String) {
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
}`},Mt={name:"DecideConfirm",kind:"mutation",id:"sha256:9b1f50f771d4c6bcb5bd727eb1dce9415e704242dadae5d56563e62bfc7d92a5",text:`mutation DecideConfirm($input: DecideConfirmInput!) {
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
}`},Ft={name:"DecideRequest",kind:"mutation",id:"sha256:2f943ba2549ec2033a35458baa136cb6f87d24b8a8c46f8d2e865633307c4b07",text:`mutation DecideRequest($input: DecideConfirmInput!) {
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
}`},Lt={name:"DelegateRequest",kind:"mutation",id:"sha256:4b4bda32eaf47f9bc776ef5ac7ddea178efcc44dea3e65ce6848ce2ad98b9306",text:`mutation DelegateRequest($input: DelegateApprovalInput!) {
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
}`},Bt={name:"EventHead",kind:"query",id:"sha256:181551b5c7b90728775a1fd5436c47ca78274e19b5a136114aeece7cc26f168b",text:`query EventHead($projectId: ID!) {
  project(id: $projectId) {
    id
    cursor
  }
}`},Ht={name:"EventPage",kind:"query",id:"sha256:d85843b69efcf2479fec5d19abc7eab92f5b5d69ea7f43d16bfb4032ff8a26fd",text:`query EventPage($projectId: ID!, $after: String, $families: [EventFamily!], $planId: ID) {
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
}`},Ut={name:"LogEvents",kind:"subscription",id:"sha256:229bb44f2b8c9f9355d8f48597299e83fcbde8c506c483d667066fd4919fcc0c",text:`subscription LogEvents($projectId: ID!, $after: String, $families: [EventFamily!], $planId: ID) {
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
}`};var Wt={name:"OpenAlerts",kind:"query",id:"sha256:3be329a64db871a1afd16533f7995267d15263e730703b95576e5be788fa790c",text:`query OpenAlerts($status: AlertStatus, $before: Long) {
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
}`},Yt={name:"Overview",kind:"query",id:"sha256:d0304c1360f36237090aabe47bb97bdb93dbb69ebf2465ff1c7664273b43b57a",text:`query Overview($projectId: ID) {
  systemOverview(projectId: $projectId) {
    sessions
    agents
    modules
    counts
    missing
  }
}`},zt={name:"PausePlan",kind:"mutation",id:"sha256:1b6b43a9ea3b7b98a0688728443e3b0ef518d012b6c5d19560587ce12631c63d",text:`mutation PausePlan($input: PlanCommandInput!) {
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
}`},Jt={name:"PendingApprovals",kind:"query",id:"sha256:76d3152dd9ea2f072aa64e2cf2921dd841067534d22b54cfd29d8018d715a1db",text:`query PendingApprovals($projectId: ID!, $after: String) {
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
}`},Kt={name:"Plan",kind:"query",id:"sha256:fcdf6d8a192515be9cba7d16699bde3de20f7a42f4abba0da129e10ffeaf79ce",text:`query Plan($id: ID!) {
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
}`},Qt={name:"PlanProgress",kind:"subscription",id:"sha256:0e333148d1a55693ef973ac5079af803260dc2df02259fc08fee212182d5fb54",text:`subscription PlanProgress($planId: ID!, $after: String) {
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
}`};var Gt={name:"PlanSteps",kind:"query",id:"sha256:4445ff5ded33266009b2c778e2ce9184520aa21fe94e6ad6e7f9f12a74d28b9d",text:`query PlanSteps($id: ID!, $after: String) {
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
}`},Xt={name:"Plans",kind:"query",id:"sha256:a422fa1c718be04ac60bf1fd9576bf1871dee160debf376623c5048fa7ad424e",text:`query Plans($projectId: ID!, $status: PlanStatus, $after: String) {
  plans(projectId: $projectId, status: $status, first: 50, after: $after) {
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
}`},Zt={name:"PlatformHealth",kind:"query",id:"sha256:b551881104fab9477b2904c701fd6bb5c497bde566398b532c3cdc67d46bf819",text:`query PlatformHealth {
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
}`},er={name:"Pools",kind:"query",id:"sha256:5a8d96d43061216bcec0981fd597a0e2662d217b42b8604261ff5c6747cdc121",text:`query Pools($after: String!) {
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
}`},nr={name:"ProjectName",kind:"query",id:"sha256:e8ea4e77d0bd87e7029a1f271d7a400fa9736a16373bcf3b693eac059963b2bf",text:`query ProjectName($id: ID!) {
  project(id: $id) {
    id
    uuid
    name
  }
}`},tr={name:"Projects",kind:"query",id:"sha256:d150f8d9dfbc5c0db5a04d5be5ae2ce600af96bd8327135e7b6bbf91e3915f17",text:`query Projects($after: String) {
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
}`},rr={name:"ProposePlan",kind:"mutation",id:"sha256:b7940a2572409fc16e2df25ba2b68aef27d796f2dc957123150bdab297dc5b79",text:`mutation ProposePlan($input: PlanCommandInput!) {
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
}`},sr={name:"Requests",kind:"query",id:"sha256:d30af462c2e2e3e618d637e284294d7125e869cea421a2a029c65fa21b5c1a01",text:`query Requests($projectId: ID!, $status: ConfirmStatus, $after: String) {
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
}`},ar={name:"ResumePlan",kind:"mutation",id:"sha256:f00a9ee7f5568df37dc823fff7f110ff04c537eb1298eb2303ed57faf0baa799",text:`mutation ResumePlan($input: PlanCommandInput!) {
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
}`},or={name:"RevisePlan",kind:"mutation",id:"sha256:1fd61aaf7e692482f126e1a0f04215c891b5b007edcaface601ca17960cd4784",text:`mutation RevisePlan($input: PlanCommandInput!) {
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
}`},ir={name:"SetBudget",kind:"mutation",id:"sha256:57701e58e0cbefba930cdbdc9446b50b08f8cd6ca24d8885c41332f5a58f1f46",text:`mutation SetBudget($input: SetBudgetInput!) {
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
}`},lr={name:"StartPlan",kind:"mutation",id:"sha256:de4684920d9b9cbf90347ae7a261a696d963ab7b3b10ea8f43bf5e468106d6ac",text:`mutation StartPlan($input: PlanCommandInput!) {
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
}`},ur={name:"StepDetail",kind:"query",id:"sha256:14038629f6a0d31ff93f03e4a2dcb71bcb5b39283707b6f5aa1cf6604229300a",text:`query StepDetail($id: ID!) {
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
}`},dr={name:"Switches",kind:"query",id:"sha256:6d541a4d53941e8188ac1548171416681a1afa738eca07b9addcd553ed5d4a36",text:`query Switches($projectId: ID!) {
  killSwitches(projectId: $projectId) {
    scope
    planId
    actionType
    reason
    actor
  }
}`},pr={name:"TraceSegments",kind:"query",id:"sha256:76b0112226ad97e0883442ebbdd184ff5ee81512f20901ad65d400763c4f1472",text:`query TraceSegments($id: ID!, $after: String) {
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
}`};function U(e,n){if(e.length<=n)return{shown:e,left:0};let t=e.charCodeAt(n-1),r=t>=55296&&t<=56319?n-1:n;return{shown:e.slice(0,r),left:e.length-r}}var _n=/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;function Z(e){return e.replace(_n,n=>`⟨U+${n.charCodeAt(0).toString(16).toUpperCase().padStart(4,"0")}⟩`)}function gr(e){if(e===null||!Number.isFinite(e))return"";let n=Math.max(0,e);if(n<1e3)return`${Math.round(n)} ms`;if(n<1e4)return`${(n/1e3).toFixed(1)} s`;if(n<6e4)return`${Math.round(n/1e3)} s`;let t=Math.floor(n/6e4);if(t<60)return me(t,"min",Math.floor(n%6e4/1e3),"s");let r=Math.floor(t/60);return r<48?me(r,"h",t%60,"min"):me(Math.floor(r/24),"d",r%24,"h")}function me(e,n,t,r){return t===0?`${e} ${n}`:`${e} ${n} ${t} ${r}`}function fr(e){if(!e)return null;let n=Date.parse(e);return Number.isNaN(n)?null:n}function mr(e,n){let t=new Date(e),r=a=>String(a).padStart(2,"0"),s=`${r(t.getHours())}:${r(t.getMinutes())}:${r(t.getSeconds())}`;return n?`${t.getFullYear()}-${r(t.getMonth()+1)}-${r(t.getDate())} ${s}`:s}function yr(e,n,t=`${n}s`){return`${e.toLocaleString("en")} ${e===1?n:t}`}var w=b(k(),1);var p=b(D(),1);function He({children:e,most:n=600}){let[t,r]=(0,w.useState)(!1),s=e??"",{shown:a,left:o}=U(s,t?Math.max(n,ee):n);return(0,p.jsxs)("span",{className:"text",children:[(0,p.jsx)("bdi",{children:Z(a)}),o>0&&!t&&(0,p.jsxs)("button",{type:"button",className:"more",onClick:()=>r(!0),children:[o.toLocaleString()," more"]}),o>0&&t&&(0,p.jsxs)("span",{className:"dim",children:[" … ",o.toLocaleString()," more characters are not shown"]})]})}var ee=5e4;function vr({children:e,className:n=""}){let t=e??"";return(0,p.jsx)("span",{className:`line ${n}`,title:U(t,1e3).shown,children:(0,p.jsx)("bdi",{children:Z(U(t,300).shown)})})}function Pr({value:e,label:n}){let[t,r]=(0,w.useState)(4e3),s=(0,w.useMemo)(()=>e===void 0?"":JSON.stringify(e,null,2)??"null",[e]),{shown:a,left:o}=U(s,t);return(0,p.jsxs)("div",{className:"json",children:[(0,p.jsxs)("div",{className:"json-tools",children:[n&&(0,p.jsx)("span",{className:"dim",children:n}),(0,p.jsx)(Cn,{text:s})]}),(0,p.jsx)("pre",{tabIndex:0,"aria-label":n??"JSON",children:(0,p.jsx)("bdi",{children:Z(a)})}),o>0&&t<ee&&(0,p.jsxs)("button",{type:"button",className:"more",onClick:()=>r(ee),children:[o.toLocaleString()," more characters"]}),o>0&&t>=ee&&(0,p.jsxs)("p",{className:"dim",children:[o.toLocaleString()," more characters are not shown; copy to have all of it."]})]})}function Cn({text:e,label:n="Copy"}){let[t,r]=(0,w.useState)(null),s=async()=>{try{await navigator.clipboard.writeText(e),r("Copied")}catch{r("Not allowed")}setTimeout(()=>r(null),1500)};return(0,p.jsx)("button",{type:"button",className:"button small ghost",onClick:()=>{s()},children:(0,p.jsx)("span",{"aria-live":"polite",children:t??n})})}function xr({of:e}){let n=(0,w.useId)();return(0,p.jsx)("dl",{className:"facts",children:e.filter(([,t])=>t!=null&&t!==""&&t!==!1).map(([t,r])=>(0,p.jsxs)("div",{children:[(0,p.jsx)("dt",{children:t}),(0,p.jsx)("dd",{children:r})]},`${n}${t}`))})}function Sr({href:e,children:n}){let t=null;try{let r=new URL(e??"");(r.protocol==="http:"||r.protocol==="https:")&&(t=r.href)}catch{t=null}return t===null?(0,p.jsx)("span",{children:n}):(0,p.jsx)("a",{href:t,target:"_blank",rel:"noopener noreferrer nofollow",children:n})}var We=b(k(),1);var f=b(D(),1);function Rn({what:e="Loading"}){return(0,f.jsxs)("div",{className:"state loading",role:"status",children:[(0,f.jsx)("span",{className:"spinner","aria-hidden":"true"}),e,"…"]})}function Ir({title:e,children:n}){return(0,f.jsxs)("div",{className:"state empty",children:[(0,f.jsx)("h3",{children:e}),n&&(0,f.jsx)("div",{className:"dim",children:n})]})}function Ye({error:e,retry:n}){return(0,f.jsxs)("div",{className:"state problem",role:"alert",children:[(0,f.jsx)("h3",{children:e.code==="unreachable"?"The API does not answer":"That did not work"}),(0,f.jsxs)("p",{children:[(0,f.jsx)(He,{children:e.message})," ",(0,f.jsx)("code",{className:"dim",children:e.code})]}),n&&(0,f.jsx)("button",{type:"button",className:"button",onClick:n,children:"Try again"})]})}function wr({of:e,what:n,children:t}){return e.data!==null?(0,f.jsx)(f.Fragment,{children:t(e.data)}):e.error!==null?(0,f.jsx)(Ye,{error:e.error,retry:e.reload}):(0,f.jsx)(Rn,{what:n})}var Ue=class extends We.Component{state={error:null};static getDerivedStateFromError(n){return{error:n instanceof Error?n:new Error(String(n))}}componentDidUpdate(n){n.name!==this.props.name&&this.state.error&&this.setState({error:null})}render(){return this.state.error?(0,f.jsx)(Ye,{error:{message:this.state.error.message,code:"console_error"},retry:()=>this.setState({error:null})}):this.props.children}};var ne=b(k(),1);var W=v([]);function Dn(e){return e instanceof HTMLElement&&(e.isContentEditable||/^(INPUT|TEXTAREA|SELECT)$/.test(e.tagName))}function Cr(e){let n=(0,ne.useRef)(e);n.current=e;let t=e.map(r=>`${r.keys}\0${r.label}`).join(`
`);(0,ne.useEffect)(()=>{let r=n.current.map((s,a)=>({...s,run:()=>n.current[a]?.run()}));return W.set([...W.get(),...r]),()=>W.set(W.get().filter(s=>!r.includes(s)))},[t])}var $n=1200;function Rr(){let e="",n=0,t=r=>{if(r.defaultPrevented||r.ctrlKey||r.metaKey||r.altKey||Dn(r.target)&&r.key!=="Escape"||document.querySelector("dialog[open]")&&r.key!=="Escape")return;let s=e&&Date.now()-n<$n?`${e} ${r.key}`:"",a=[...W.get()].reverse(),o=a.find(u=>u.keys===s)??a.find(u=>u.keys===r.key);e=a.some(u=>u.keys.startsWith(`${r.key} `))?r.key:"",n=Date.now(),o&&(e="",r.preventDefault(),o.run())};return window.addEventListener("keydown",t),()=>window.removeEventListener("keydown",t)}export{z as a,b,k as c,v as d,M as e,R as f,Vn as g,m as h,Ln as i,Bn as j,Hn as k,Oe as l,Yn as m,zn as n,Jn as o,Kn as p,D as q,et as r,nt as s,tt as t,rt as u,st as v,at as w,ot as x,V as y,Fe as z,B as A,ce as B,Et as C,Ct as D,Rt as E,Dt as F,Tt as G,Nt as H,Ot as I,jt as J,qt as K,Vt as L,Mt as M,Ft as N,Lt as O,Bt as P,Ht as Q,Ut as R,Wt as S,Yt as T,zt as U,Jt as V,Kt as W,Qt as X,Gt as Y,Xt as Z,Zt as _,er as $,nr as aa,tr as ba,rr as ca,sr as da,ar as ea,or as fa,ir as ga,lr as ha,ur as ia,dr as ja,pr as ka,U as la,gr as ma,fr as na,mr as oa,yr as pa,He as qa,vr as ra,Pr as sa,Cn as ta,xr as ua,Sr as va,Rn as wa,Ir as xa,Ye as ya,wr as za,Ue as Aa,W as Ba,Cr as Ca,Rr as Da};
