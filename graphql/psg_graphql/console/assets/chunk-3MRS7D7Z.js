var Ze=Object.create;var xe=Object.defineProperty;var en=Object.getOwnPropertyDescriptor;var nn=Object.getOwnPropertyNames;var tn=Object.getPrototypeOf,rn=Object.prototype.hasOwnProperty;var K=(e,n)=>()=>{try{return n||e((n={exports:{}}).exports,n),n.exports}catch(t){throw n=0,t}};var on=(e,n,t,r)=>{if(n&&typeof n=="object"||typeof n=="function")for(let o of nn(n))!rn.call(e,o)&&o!==t&&xe(e,o,{get:()=>n[o],enumerable:!(r=en(n,o))||r.enumerable});return e};var y=(e,n,t)=>(t=e!=null?Ze(tn(e)):{},on(n||!e||!e.__esModule?xe(t,"default",{value:e,enumerable:!0}):t,e));var $e=K(i=>{"use strict";var le=Symbol.for("react.transitional.element"),sn=Symbol.for("react.portal"),an=Symbol.for("react.fragment"),ln=Symbol.for("react.strict_mode"),un=Symbol.for("react.profiler"),dn=Symbol.for("react.consumer"),cn=Symbol.for("react.context"),pn=Symbol.for("react.forward_ref"),fn=Symbol.for("react.suspense"),mn=Symbol.for("react.memo"),Ee=Symbol.for("react.lazy"),gn=Symbol.for("react.activity"),yn=Symbol.for("react.view_transition"),Se=Symbol.iterator;function bn(e){return e===null||typeof e!="object"?null:(e=Se&&e[Se]||e["@@iterator"],typeof e=="function"?e:null)}var Ae={isMounted:function(){return!1},enqueueForceUpdate:function(){},enqueueReplaceState:function(){},enqueueSetState:function(){}},Re=Object.assign,Ie={};function j(e,n,t){this.props=e,this.context=n,this.refs=Ie,this.updater=t||Ae}j.prototype.isReactComponent={};j.prototype.setState=function(e,n){if(typeof e!="object"&&typeof e!="function"&&e!=null)throw Error("takes an object of state variables to update or a function which returns an object of state variables.");this.updater.enqueueSetState(this,e,n,"setState")};j.prototype.forceUpdate=function(e){this.updater.enqueueForceUpdate(this,e,"forceUpdate")};function Ce(){}Ce.prototype=j.prototype;function ue(e,n,t){this.props=e,this.context=n,this.refs=Ie,this.updater=t||Ae}var de=ue.prototype=new Ce;de.constructor=ue;Re(de,j.prototype);de.isPureReactComponent=!0;var we=Array.isArray;function ie(){}var d={H:null,A:null,T:null,S:null},Te=Object.prototype.hasOwnProperty;function ce(e,n,t){var r=t.ref;return{$$typeof:le,type:e,key:n,ref:r!==void 0?r:null,props:t}}function hn(e,n){return ce(e.type,n,e.props)}function pe(e){return typeof e=="object"&&e!==null&&e.$$typeof===le}function Pn(e){var n={"=":"=0",":":"=2"};return"$"+e.replace(/[=:]/g,function(t){return n[t]})}var ke=/\/+/g;function ae(e,n){return typeof e=="object"&&e!==null&&e.key!=null?Pn(""+e.key):n.toString(36)}function vn(e){switch(e.status){case"fulfilled":return e.value;case"rejected":throw e.reason;default:switch(typeof e.status=="string"?e.then(ie,ie):(e.status="pending",e.then(function(n){e.status==="pending"&&(e.status="fulfilled",e.value=n)},function(n){e.status==="pending"&&(e.status="rejected",e.reason=n)})),e.status){case"fulfilled":return e.value;case"rejected":throw e.reason}}throw e}function O(e,n,t,r,o){var s=typeof e;(s==="undefined"||s==="boolean")&&(e=null);var a=!1;if(e===null)a=!0;else switch(s){case"bigint":case"string":case"number":a=!0;break;case"object":switch(e.$$typeof){case le:case sn:a=!0;break;case Ee:return a=e._init,O(a(e._payload),n,t,r,o)}}if(a)return o=o(e),a=r===""?"."+ae(e,0):r,we(o)?(t="",a!=null&&(t=a.replace(ke,"$&/")+"/"),O(o,n,t,"",function(p){return p})):o!=null&&(pe(o)&&(o=hn(o,t+(o.key==null||e&&e.key===o.key?"":(""+o.key).replace(ke,"$&/")+"/")+a)),n.push(o)),1;a=0;var u=r===""?".":r+":";if(we(e))for(var l=0;l<e.length;l++)r=e[l],s=u+ae(r,l),a+=O(r,n,t,s,o);else if(l=bn(e),typeof l=="function")for(e=l.call(e),l=0;!(r=e.next()).done;)r=r.value,s=u+ae(r,l++),a+=O(r,n,t,s,o);else if(s==="object"){if(typeof e.then=="function")return O(vn(e),n,t,r,o);throw n=String(e),Error("Objects are not valid as a React child (found: "+(n==="[object Object]"?"object with keys {"+Object.keys(e).join(", ")+"}":n)+"). If you meant to render a collection of children, use an array instead.")}return a}function Q(e,n,t){if(e==null)return e;var r=[],o=0;return O(e,r,"","",function(s){return n.call(t,s,o++)}),r}function xn(e){if(e._status===-1){var n=e._result,t=n();t.then(function(r){(e._status===0||e._status===-1)&&(e._status=1,e._result=r,t.status===void 0&&(t.status="fulfilled",t.value=r))},function(r){(e._status===0||e._status===-1)&&(e._status=2,e._result=r,t.status===void 0&&(t.status="rejected",t.reason=r))}),e._status===-1&&(e._status=0,e._result=t)}if(e._status===1)return e._result.default;throw e._result}var _e=typeof reportError=="function"?reportError:function(e){if(typeof window=="object"&&typeof window.ErrorEvent=="function"){var n=new window.ErrorEvent("error",{bubbles:!0,cancelable:!0,message:typeof e=="object"&&e!==null&&typeof e.message=="string"?String(e.message):String(e),error:e});if(!window.dispatchEvent(n))return}else if(typeof process=="object"&&typeof process.emit=="function"){process.emit("uncaughtException",e);return}console.error(e)};function De(e){var n=d.T,t={};t.types=n!==null?n.types:null,d.T=t;try{var r=e(),o=d.S;o!==null&&o(t,r),typeof r=="object"&&r!==null&&typeof r.then=="function"&&r.then(ie,_e)}catch(s){_e(s)}finally{n!==null&&t.types!==null&&(n.types=t.types),d.T=n}}function Ne(e){var n=d.T;if(n!==null){var t=n.types;t===null?n.types=[e]:t.indexOf(e)===-1&&t.push(e)}else De(Ne.bind(null,e))}var Sn={map:Q,forEach:function(e,n,t){Q(e,function(){n.apply(this,arguments)},t)},count:function(e){var n=0;return Q(e,function(){n++}),n},toArray:function(e){return Q(e,function(n){return n})||[]},only:function(e){if(!pe(e))throw Error("React.Children.only expected to receive a single React element child.");return e}};i.Activity=gn;i.Children=Sn;i.Component=j;i.Fragment=an;i.Profiler=un;i.PureComponent=ue;i.StrictMode=ln;i.Suspense=fn;i.ViewTransition=yn;i.__CLIENT_INTERNALS_DO_NOT_USE_OR_WARN_USERS_THEY_CANNOT_UPGRADE=d;i.__COMPILER_RUNTIME={__proto__:null,c:function(e){return d.H.useMemoCache(e)}};i.addTransitionType=Ne;i.cache=function(e){return function(){return e.apply(null,arguments)}};i.cacheSignal=function(){return null};i.cloneElement=function(e,n,t){if(e==null)throw Error("The argument must be a React element, but you passed "+e+".");var r=Re({},e.props),o=e.key;if(n!=null)for(s in n.key!==void 0&&(o=""+n.key),n)!Te.call(n,s)||s==="key"||s==="__self"||s==="__source"||s==="ref"&&n.ref===void 0||(r[s]=n[s]);var s=arguments.length-2;if(s===1)r.children=t;else if(1<s){for(var a=Array(s),u=0;u<s;u++)a[u]=arguments[u+2];r.children=a}return ce(e.type,o,r)};i.createContext=function(e){return e={$$typeof:cn,_currentValue:e,_currentValue2:e,_threadCount:0,Provider:null,Consumer:null},e.Provider=e,e.Consumer={$$typeof:dn,_context:e},e};i.createElement=function(e,n,t){var r,o={},s=null;if(n!=null)for(r in n.key!==void 0&&(s=""+n.key),n)Te.call(n,r)&&r!=="key"&&r!=="__self"&&r!=="__source"&&(o[r]=n[r]);var a=arguments.length-2;if(a===1)o.children=t;else if(1<a){for(var u=Array(a),l=0;l<a;l++)u[l]=arguments[l+2];o.children=u}if(e&&e.defaultProps)for(r in a=e.defaultProps,a)o[r]===void 0&&(o[r]=a[r]);return ce(e,s,o)};i.createRef=function(){return{current:null}};i.forwardRef=function(e){return{$$typeof:pn,render:e}};i.isValidElement=pe;i.lazy=function(e){return{$$typeof:Ee,_payload:{_status:-1,_result:e},_init:xn}};i.memo=function(e,n){return{$$typeof:mn,type:e,compare:n===void 0?null:n}};i.startTransition=De;i.unstable_useCacheRefresh=function(){return d.H.useCacheRefresh()};i.use=function(e){return d.H.use(e)};i.useActionState=function(e,n,t){return d.H.useActionState(e,n,t)};i.useCallback=function(e,n){return d.H.useCallback(e,n)};i.useContext=function(e){return d.H.useContext(e)};i.useDebugValue=function(){};i.useDeferredValue=function(e,n){return d.H.useDeferredValue(e,n)};i.useEffect=function(e,n){return d.H.useEffect(e,n)};i.useEffectEvent=function(e){return d.H.useEffectEvent(e)};i.useId=function(){return d.H.useId()};i.useImperativeHandle=function(e,n,t){return d.H.useImperativeHandle(e,n,t)};i.useInsertionEffect=function(e,n){return d.H.useInsertionEffect(e,n)};i.useLayoutEffect=function(e,n){return d.H.useLayoutEffect(e,n)};i.useMemo=function(e,n){return d.H.useMemo(e,n)};i.useOptimistic=function(e,n){return d.H.useOptimistic(e,n)};i.useReducer=function(e,n,t){return d.H.useReducer(e,n,t)};i.useRef=function(e){return d.H.useRef(e)};i.useState=function(e){return d.H.useState(e)};i.useSyncExternalStore=function(e,n,t){return d.H.useSyncExternalStore(e,n,t)};i.useTransition=function(){return d.H.useTransition()};i.version="19.3.1"});var S=K((Un,Oe)=>{"use strict";Oe.exports=$e()});var Ue=K(Z=>{"use strict";var _n=Symbol.for("react.transitional.element"),En=Symbol.for("react.fragment");function Le(e,n,t){var r=null;if(t!==void 0&&(r=""+t),n.key!==void 0&&(r=""+n.key),"key"in n){t={};for(var o in n)o!=="key"&&(t[o]=n[o])}else t=n;return n=t.ref,{$$typeof:_n,type:e,key:r,ref:n!==void 0?n:null,props:t}}Z.Fragment=En;Z.jsx=Le;Z.jsxs=Le});var w=K((st,He)=>{"use strict";He.exports=Ue()});var je=y(S(),1);function P(e){let n=e,t=new Set;return{get:()=>n,set:r=>{if(!Object.is(r,n)){n=r;for(let o of[...t])o()}},follow:r=>(t.add(r),()=>t.delete(r))}}function F(e){return(0,je.useSyncExternalStore)(e.follow,e.get)}var G={version:"",auth:[],documents:"off",browser:null,ide:!0,docs:{}},T=P(G);function wn(e){return typeof e=="string"?e.split(",").map(n=>n.trim()):Array.isArray(e)?e.filter(n=>typeof n=="string"):[]}function kn(e){if(typeof e!="object"||e===null)return G;let n=e,t=typeof n.docs=="object"&&n.docs!==null?Object.entries(n.docs):[];return{version:typeof n.version=="string"?n.version:G.version,auth:wn(n.auth),documents:typeof n.documents=="string"?n.documents:G.documents,browser:typeof n.browser=="string"?n.browser:null,ide:n.ide!==!1,docs:Object.fromEntries(t.filter(r=>typeof r[1]=="string"))}}async function Bn(){try{let e=await fetch("/console/config.json",{headers:{accept:"application/json"}});e.ok&&T.set(kn(await e.json()))}catch{}}var fe="psg.token",qe="psg.actor";function Ve(e){try{return sessionStorage.getItem(e)}catch{return null}}function me(e,n){try{n===null?sessionStorage.removeItem(e):sessionStorage.setItem(e,n)}catch{}}var g=P({token:Ve(fe),actor:Ve(qe),needed:!1,reason:null});function Wn(e){me(fe,e),g.set({...g.get(),token:e,needed:!1,reason:null})}function Kn(){me(fe,null),g.set({...g.get(),token:null,needed:!0,reason:null})}function V(e,n){g.get().token===e&&g.set({...g.get(),needed:!0,reason:e===null?null:n})}function Qn(e){let n=e?.replace(/[^\x20-\x7e]/g,"").trim()||null;me(qe,n),g.set({...g.get(),actor:n})}function q(){let{token:e,actor:n}=g.get();return{...e?{authorization:`Bearer ${e}`}:{},...n?{actor:n}:{}}}var Me=y(S(),1);var X=P(typeof location>"u"?"/":location.pathname+location.search);function Fe(e,n=!1){e!==X.get()&&(n?history.replaceState(null,"",e):history.pushState(null,"",e),X.set(location.pathname+location.search))}typeof window<"u"&&window.addEventListener("popstate",()=>X.set(location.pathname+location.search));function Zn(){let e=F(X);return(0,Me.useMemo)(()=>{let n=e.indexOf("?");return n<0?{path:e,query:new URLSearchParams}:{path:e.slice(0,n),query:new URLSearchParams(e.slice(n))}},[e])}function et(e){let n=new URLSearchParams(location.search);for(let[r,o]of Object.entries(e))o===null||o===""?n.delete(r):n.set(r,o);let t=n.toString();return location.pathname+(t?`?${t}`:"")}function nt(e,n){let t=e.split("/").filter(Boolean),r=n.split("/").filter(Boolean);if(t.length!==r.length)return null;let o={};for(let[s,a]of t.entries()){let u=r[s];if(!a.startsWith(":")){if(a!==u)return null;continue}try{o[a.slice(1)]=decodeURIComponent(u)}catch{return null}}return o}function tt(e,n){return e.replace(/:(\w+)/g,(t,r)=>encodeURIComponent(n[r]??""))}var D=y(S(),1);var b=y(w(),1);function it({children:e,onClick:n,kind:t="plain",small:r,disabled:o,busy:s,title:a}){return(0,b.jsx)("button",{type:"button",className:`button ${t} ${r?"small":""}`,onClick:n,disabled:o===!0||s===!0,"aria-busy":s||void 0,title:a,children:e})}function lt({to:e,children:n,className:t,current:r}){return(0,b.jsx)("a",{href:e,onClick:s=>{s.button!==0||s.metaKey||s.ctrlKey||s.shiftKey||s.altKey||(s.preventDefault(),Fe(e))},className:t,"aria-current":r?"page":void 0,children:n})}function ut({label:e,value:n,options:t,onChange:r}){return(0,b.jsx)("div",{className:"choice",role:"group","aria-label":e,children:t.map(([o,s])=>(0,b.jsx)("button",{type:"button","aria-pressed":o===n,onClick:()=>r(o),children:s},o??""))})}function dt({label:e,value:n,options:t,onChange:r}){let o=(0,D.useId)();return(0,b.jsxs)("label",{className:"field inline",htmlFor:o,children:[(0,b.jsx)("span",{children:e}),(0,b.jsx)("select",{id:o,value:n,onChange:s=>r(s.target.value),children:t.map(([s,a])=>(0,b.jsx)("option",{value:s,children:a},s))})]})}function ct({value:e,onChange:n,label:t,id:r}){return(0,b.jsx)("input",{type:"search",className:"search",id:r,value:e,placeholder:t,"aria-label":t,maxLength:200,spellCheck:!1,onChange:o=>n(o.target.value),onKeyDown:o=>{o.key==="Escape"&&e!==""?(o.preventDefault(),n("")):o.key==="Escape"&&o.currentTarget.blur()}})}function pt({title:e,children:n,onClose:t,wide:r}){let o=(0,D.useRef)(null),s=(0,D.useId)();return(0,D.useEffect)(()=>{let a=o.current;return a?.showModal(),()=>a?.close()},[]),(0,b.jsx)("dialog",{ref:o,"aria-labelledby":s,className:r?"wide":"",onCancel:a=>{a.preventDefault(),t()},onClick:a=>a.target===o.current&&t(),children:(0,b.jsxs)("div",{className:"dialog-body",children:[(0,b.jsx)("h2",{id:s,children:e}),n]})})}function ft({parts:e,total:n,label:t}){let r=e.filter(s=>s.value>0).map(s=>`${s.value} ${s.name}`),o=`${t}: ${r.join(", ")||"nothing yet"}`;return(0,b.jsx)("span",{className:"meter",role:"img","aria-label":o,title:o,children:e.map(s=>(0,b.jsx)("span",{className:`tone-${s.tone}`,style:{width:n>0?`${100*s.value/n}%`:0}},s.name))})}var f=y(S(),1);var M=P({reachable:!0,returns:0,retryAt:null}),An=500,Rn=15e3,Ye=0,_=null;function ge(e,n=Math.random){let t=Math.min(Rn,An*2**Math.min(e,10));return Math.round(t/2+t/2*n())}function L(){_!==null&&clearTimeout(_),_=null,Ye=0;let e=M.get();e.reachable||M.set({reachable:!0,returns:e.returns+1,retryAt:null})}function E(){if(_!==null)return;let e=ge(Ye++);M.set({...M.get(),reachable:!1,retryAt:Date.now()+e}),_=setTimeout(()=>{Be()},e)}async function Be(){_!==null&&clearTimeout(_),_=null;try{(await fetch("/healthz",{cache:"no-store"})).ok?L():E()}catch{E()}}typeof window<"u"&&(window.addEventListener("online",()=>{Be()}),window.addEventListener("offline",E));var k=class extends Error{constructor(t,r,o=!1,s=null){super(t);this.code=r;this.retryable=o;this.details=s;this.name="ApiError"}code;retryable;details},U=class extends k{constructor(n){super(n,"unreachable",!0),this.name="Unreachable"}},v=class extends k{constructor(n){super(n,"unauthenticated"),this.name="Unauthenticated"}};function H(e){let n=e[0]??{},t=typeof n.message=="string"&&n.message!==""?n.message:"The API refused the request",r=typeof n.extensions?.code=="string"?n.extensions.code:"error";return r==="unauthenticated"?new v(t):new k(t,r,n.extensions?.retryable===!0,n.extensions?.details??null)}function Y(e){return e instanceof k?e:new k(e instanceof Error?e.message:String(e),"error")}var In="application/graphql-response+json, application/json;q=0.9";function ee(e,n,t){return{...t?{documentId:e.id}:{query:e.text},operationName:e.name,variables:n}}async function Je(e,n){let{authorization:t,actor:r}=q(),o={"content-type":"application/json",accept:In};t&&(o.authorization=t),r&&(o["x-psg-actor"]=r);let s;try{s=await fetch("/graphql",{method:"POST",headers:o,body:JSON.stringify(e),signal:n??null,cache:"no-store",credentials:"omit",redirect:"error",referrerPolicy:"no-referrer"})}catch(a){throw n?.aborted?a:(E(),new U("The API does not answer"))}try{let a=await s.json();return L(),{status:s.status,answer:a}}catch(a){if(n?.aborted)throw a;if(s.status===401)return{status:401,answer:{}};throw E(),new U(`The API gave no readable answer (status ${s.status})`)}}async function ye(e,n,t){let r=g.get().token,o=T.get().documents==="only"||T.get().documents==="prefer",{status:s,answer:a}=await Je(ee(e,n,o),t),u=a.errors?.[0]?.extensions?.code;if(o&&u==="document_unknown"&&T.get().documents==="prefer"&&({status:s,answer:a}=await Je(ee(e,n,!1),t)),s===401){let l=a.errors?.[0]?.message,p=new v(typeof l=="string"?l:"A token is needed");throw V(r,p.message),p}if(a.errors&&a.errors.length>0){let l=H(a.errors);throw l instanceof v&&V(r,l.message),l}if(a.data===void 0||a.data===null)throw new k("The API gave no data","error",!0);return a.data}var Cn=4e4,be=class{constructor(n){this.address=n}address;socket=null;acknowledged=!1;running=new Map;counter=0;attempt=0;retry=null;silence=null;token=null;subscribe(n,t,r){let o=String(++this.counter);return this.running.set(o,{operation:n,variables:t,listener:r}),this.acknowledged?this.start(o):this.connect(),()=>this.stop(o)}reconnect(){this.attempt=0,this.drop(),this.running.size>0&&this.connect()}connect(){if(this.socket!==null)return;this.retry!==null&&clearTimeout(this.retry),this.retry=null,this.token=g.get().token;let n=new WebSocket(this.address(),"graphql-transport-ws");this.socket=n,this.watch(),n.onopen=()=>this.send({type:"connection_init",payload:q()}),n.onmessage=t=>{this.socket===n&&this.receive(String(t.data))},n.onclose=t=>{this.socket===n&&this.closed(t.code,t.reason)}}receive(n){this.watch();let t=JSON.parse(n);if(t.type==="ping")this.send({type:"pong"});else if(t.type==="connection_ack"){this.acknowledged=!0,this.attempt=0,L();for(let r of this.running.keys())this.start(r)}else t.id!==void 0&&this.dispatch(t.id,t)}dispatch(n,t){let r=this.running.get(n);if(r)if(t.type==="next"){let o=t.payload;o.errors&&o.errors.length>0?this.fail(n,r,H(o.errors)):r.listener.next(o.data)}else t.type==="error"?this.fail(n,r,H(Array.isArray(t.payload)?t.payload:[])):t.type==="complete"&&(this.running.delete(n),r.listener.complete(),this.rest())}fail(n,t,r){this.stop(n),r instanceof v&&V(this.token,r.message),t.listener.error(r)}start(n){let t=this.running.get(n);if(!t)return;let r=T.get().documents==="only";try{this.send({id:n,type:"subscribe",payload:ee(t.operation,t.variables(),r)})}catch(o){t.listener.error(Y(o))}}stop(n){this.running.delete(n)&&this.acknowledged&&this.send({id:n,type:"complete"}),this.rest()}rest(){this.running.size===0&&this.drop()}closed(n,t){if(this.drop(),this.running.size!==0){if(n===4401||n===4403){V(this.token,t&&t!=="Forbidden"?t:"The token was refused");return}for(let{listener:r}of this.running.values())r.interrupted?.();n!==1e3&&n!==1001&&n!==1012&&E(),this.retry=setTimeout(()=>this.connect(),ge(this.attempt++))}}drop(){let n=this.socket;this.socket=null,this.acknowledged=!1,this.silence!==null&&clearTimeout(this.silence),this.retry!==null&&clearTimeout(this.retry),this.silence=this.retry=null,n&&n.readyState<=WebSocket.OPEN&&n.close(1e3)}watch(){this.silence!==null&&clearTimeout(this.silence),this.silence=setTimeout(()=>this.closed(4408,"silence"),Cn)}send(n){this.socket?.readyState===WebSocket.OPEN&&this.socket.send(JSON.stringify(n))}},he=new be(()=>`${location.protocol==="https:"?"wss":"ws"}://${location.host}/graphql`),ze=JSON.stringify(q());g.follow(()=>{let e=JSON.stringify(q());e!==ze&&he.reconnect(),ze=e});function Ot(e,n,t=0){let r=n===null?"":JSON.stringify([e.name,n]),{returns:o}=F(M),{token:s,actor:a}=F(g),[u,l]=(0,f.useState)(0),[p,R]=(0,f.useState)({key:"",data:null,error:null,loading:!0}),I=(0,f.useRef)(n);I.current=n,(0,f.useEffect)(()=>{if(I.current===null)return;let h=new AbortController;return R(x=>({...x.key===r?x:{data:null,error:null},key:r,loading:!0})),ye(e,I.current,h.signal).then(x=>R({key:r,data:x,error:null,loading:!1}),x=>{h.signal.aborted||R(C=>({key:r,data:C.key===r?C.data:null,error:Y(x),loading:!1}))}),()=>h.abort()},[e,r,u,o,s,a]);let $=(0,f.useCallback)(()=>l(h=>h+1),[]);return Tn($,r===""?0:t),(0,f.useMemo)(()=>{let h=p.key===r;return{data:h?p.data:null,error:h?p.error:null,loading:!h||p.loading,reload:$}},[p,r,$])}function Tn(e,n){let t=(0,f.useRef)(e);t.current=e,(0,f.useEffect)(()=>{if(n<=0)return;let r=()=>{document.visibilityState==="visible"&&t.current()},o=setInterval(r,n);return document.addEventListener("visibilitychange",r),()=>{clearInterval(o),document.removeEventListener("visibilitychange",r)}},[n])}function Dn(e){return typeof e=="object"&&e!==null&&"code"in e&&"message"in e}function jt(e){let[n,t]=(0,f.useState)(!1),[r,o]=(0,f.useState)(null),s=(0,f.useCallback)(async u=>{t(!0),o(null);try{let l=await ye(e,u),p=Object.values(l).find(Dn);return p&&o(p.message),p===void 0}catch(l){let p=Y(l);return p instanceof v||o(p.message),!1}finally{t(!1)}},[e]),a=(0,f.useCallback)(()=>o(null),[]);return{busy:n,problem:r,run:s,clear:a}}function Vt(){if(typeof crypto.randomUUID=="function")return crypto.randomUUID();let e=crypto.getRandomValues(new Uint8Array(16));return e[6]=e[6]&15|64,e[8]=e[8]&63|128,Array.from(e,t=>t.toString(16).padStart(2,"0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/,"$1-$2-$3-$4-$5")}function qt(e,n,t){let[r,o]=(0,f.useState)("off"),s=(0,f.useRef)(t);s.current=t;let a=(0,f.useRef)(n);a.current=n;let u=n===null?"":JSON.stringify(n),l=t.generation??0;return(0,f.useEffect)(()=>{if(a.current===null){o("off");return}let p=a.current,R=s.current.after??p.after??null,I=!1,$=()=>{},h=()=>{o("connecting"),$=he.subscribe(e,()=>R===null?p:{...p,after:R},{next:C=>{let W=Object.values(C)[0];W?.__typename!=="CursorExpired"&&typeof W?.cursor=="string"&&(R=W.cursor),x=W?.__typename==="Closing",o("live"),s.current.onItem(C)},interrupted:()=>o("interrupted"),error:C=>{o("ended"),s.current.onError?.(C)},complete:()=>{x&&!I?setTimeout(()=>!I&&h(),500):o("ended")}})},x=!1;return h(),()=>{I=!0,$()}},[e,u,l]),r}var Ft={name:"ApprovePlan",kind:"mutation",id:"sha256:4670d74f17ca8b9376e4dcf5faa62f369887191d806c906086f8f9da41bb21ac",text:`mutation ApprovePlan($input: ApprovePlanInput!) {
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
}`},Lt={name:"CancelPlan",kind:"mutation",id:"sha256:959a0caad91ea3d5d0a81d6e0c984d6a6c6ad775d20944a5e16b88ba4b4ca4b2",text:`mutation CancelPlan($input: PlanCommandInput!) {
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
}`},Ut={name:"DecideConfirm",kind:"mutation",id:"sha256:9b1f50f771d4c6bcb5bd727eb1dce9415e704242dadae5d56563e62bfc7d92a5",text:`mutation DecideConfirm($input: DecideConfirmInput!) {
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
}`};var Ht={name:"PausePlan",kind:"mutation",id:"sha256:1b6b43a9ea3b7b98a0688728443e3b0ef518d012b6c5d19560587ce12631c63d",text:`mutation PausePlan($input: PlanCommandInput!) {
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
}`},Yt={name:"PendingApprovals",kind:"query",id:"sha256:76d3152dd9ea2f072aa64e2cf2921dd841067534d22b54cfd29d8018d715a1db",text:`query PendingApprovals($projectId: ID!, $after: String) {
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
}`},Bt={name:"Plan",kind:"query",id:"sha256:fcdf6d8a192515be9cba7d16699bde3de20f7a42f4abba0da129e10ffeaf79ce",text:`query Plan($id: ID!) {
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
}`},Jt={name:"PlanProgress",kind:"subscription",id:"sha256:0e333148d1a55693ef973ac5079af803260dc2df02259fc08fee212182d5fb54",text:`subscription PlanProgress($planId: ID!, $after: String) {
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
}`};var zt={name:"PlanSteps",kind:"query",id:"sha256:4445ff5ded33266009b2c778e2ce9184520aa21fe94e6ad6e7f9f12a74d28b9d",text:`query PlanSteps($id: ID!, $after: String) {
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
}`},Wt={name:"Plans",kind:"query",id:"sha256:a422fa1c718be04ac60bf1fd9576bf1871dee160debf376623c5048fa7ad424e",text:`query Plans($projectId: ID!, $status: PlanStatus, $after: String) {
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
}`},Kt={name:"ProjectName",kind:"query",id:"sha256:e8ea4e77d0bd87e7029a1f271d7a400fa9736a16373bcf3b693eac059963b2bf",text:`query ProjectName($id: ID!) {
  project(id: $id) {
    id
    uuid
    name
  }
}`},Qt={name:"Projects",kind:"query",id:"sha256:d150f8d9dfbc5c0db5a04d5be5ae2ce600af96bd8327135e7b6bbf91e3915f17",text:`query Projects($after: String) {
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
}`},Gt={name:"ProposePlan",kind:"mutation",id:"sha256:b7940a2572409fc16e2df25ba2b68aef27d796f2dc957123150bdab297dc5b79",text:`mutation ProposePlan($input: PlanCommandInput!) {
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
}`},Xt={name:"ResumePlan",kind:"mutation",id:"sha256:f00a9ee7f5568df37dc823fff7f110ff04c537eb1298eb2303ed57faf0baa799",text:`mutation ResumePlan($input: PlanCommandInput!) {
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
}`},Zt={name:"RevisePlan",kind:"mutation",id:"sha256:1fd61aaf7e692482f126e1a0f04215c891b5b007edcaface601ca17960cd4784",text:`mutation RevisePlan($input: PlanCommandInput!) {
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
}`},er={name:"StartPlan",kind:"mutation",id:"sha256:de4684920d9b9cbf90347ae7a261a696d963ab7b3b10ea8f43bf5e468106d6ac",text:`mutation StartPlan($input: PlanCommandInput!) {
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
}`},nr={name:"StepDetail",kind:"query",id:"sha256:14038629f6a0d31ff93f03e4a2dcb71bcb5b39283707b6f5aa1cf6604229300a",text:`query StepDetail($id: ID!) {
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
}`},tr={name:"Switches",kind:"query",id:"sha256:6d541a4d53941e8188ac1548171416681a1afa738eca07b9addcd553ed5d4a36",text:`query Switches($projectId: ID!) {
  killSwitches(projectId: $projectId) {
    scope
    planId
    actionType
    reason
    actor
  }
}`},rr={name:"TraceSegments",kind:"query",id:"sha256:76b0112226ad97e0883442ebbdd184ff5ee81512f20901ad65d400763c4f1472",text:`query TraceSegments($id: ID!, $after: String) {
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
}`};var A=y(S(),1);function B(e,n){if(e.length<=n)return{shown:e,left:0};let t=e.charCodeAt(n-1),r=t>=55296&&t<=56319?n-1:n;return{shown:e.slice(0,r),left:e.length-r}}var Nn=/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;function ne(e){return e.replace(Nn,n=>`⟨U+${n.charCodeAt(0).toString(16).toUpperCase().padStart(4,"0")}⟩`)}function te(e){if(e===null||!Number.isFinite(e))return"";let n=Math.max(0,e);if(n<1e3)return`${Math.round(n)} ms`;if(n<1e4)return`${(n/1e3).toFixed(1)} s`;if(n<6e4)return`${Math.round(n/1e3)} s`;let t=Math.floor(n/6e4);if(t<60)return Pe(t,"min",Math.floor(n%6e4/1e3),"s");let r=Math.floor(t/60);return r<48?Pe(r,"h",t%60,"min"):Pe(Math.floor(r/24),"d",r%24,"h")}function Pe(e,n,t,r){return t===0?`${e} ${n}`:`${e} ${n} ${t} ${r}`}function J(e){if(!e)return null;let n=Date.parse(e);return Number.isNaN(n)?null:n}function ve(e,n){let t=new Date(e),r=s=>String(s).padStart(2,"0"),o=`${r(t.getHours())}:${r(t.getMinutes())}:${r(t.getSeconds())}`;return n?`${t.getFullYear()}-${r(t.getMonth()+1)}-${r(t.getDate())} ${o}`:o}function sr(e,n,t=`${n}s`){return`${e.toLocaleString("en")} ${e===1?n:t}`}var c=y(w(),1);function We({children:e,most:n=600}){let[t,r]=(0,A.useState)(!1),o=e??"",{shown:s,left:a}=B(o,t?Math.max(n,re):n);return(0,c.jsxs)("span",{className:"text",children:[(0,c.jsx)("bdi",{children:ne(s)}),a>0&&!t&&(0,c.jsxs)("button",{type:"button",className:"more",onClick:()=>r(!0),children:[a.toLocaleString()," more"]}),a>0&&t&&(0,c.jsxs)("span",{className:"dim",children:[" … ",a.toLocaleString()," more characters are not shown"]})]})}var re=5e4;function lr({children:e,className:n=""}){let t=e??"";return(0,c.jsx)("span",{className:`line ${n}`,title:B(t,1e3).shown,children:(0,c.jsx)("bdi",{children:ne(B(t,300).shown)})})}function ur({value:e,label:n}){let[t,r]=(0,A.useState)(4e3),o=(0,A.useMemo)(()=>e===void 0?"":JSON.stringify(e,null,2)??"null",[e]),{shown:s,left:a}=B(o,t);return(0,c.jsxs)("div",{className:"json",children:[(0,c.jsxs)("div",{className:"json-tools",children:[n&&(0,c.jsx)("span",{className:"dim",children:n}),(0,c.jsx)(On,{text:o})]}),(0,c.jsx)("pre",{tabIndex:0,"aria-label":n??"JSON",children:(0,c.jsx)("bdi",{children:ne(s)})}),a>0&&t<re&&(0,c.jsxs)("button",{type:"button",className:"more",onClick:()=>r(re),children:[a.toLocaleString()," more characters"]}),a>0&&t>=re&&(0,c.jsxs)("p",{className:"dim",children:[a.toLocaleString()," more characters are not shown; copy to have all of it."]})]})}function On({text:e,label:n="Copy"}){let[t,r]=(0,A.useState)(null),o=async()=>{try{await navigator.clipboard.writeText(e),r("Copied")}catch{r("Not allowed")}setTimeout(()=>r(null),1500)};return(0,c.jsx)("button",{type:"button",className:"button small ghost",onClick:()=>{o()},children:(0,c.jsx)("span",{"aria-live":"polite",children:t??n})})}function dr({of:e}){let n=(0,A.useId)();return(0,c.jsx)("dl",{className:"facts",children:e.filter(([,t])=>t!=null&&t!==""&&t!==!1).map(([t,r])=>(0,c.jsxs)("div",{children:[(0,c.jsx)("dt",{children:t}),(0,c.jsx)("dd",{children:r})]},`${n}${t}`))})}function cr({href:e,children:n}){let t=null;try{let r=new URL(e??"");(r.protocol==="http:"||r.protocol==="https:")&&(t=r.href)}catch{t=null}return t===null?(0,c.jsx)("span",{children:n}):(0,c.jsx)("a",{href:t,target:"_blank",rel:"noopener noreferrer nofollow",children:n})}var Qe=y(S(),1);var m=y(w(),1);function jn({what:e="Loading"}){return(0,m.jsxs)("div",{className:"state loading",role:"status",children:[(0,m.jsx)("span",{className:"spinner","aria-hidden":"true"}),e,"…"]})}function mr({title:e,children:n}){return(0,m.jsxs)("div",{className:"state empty",children:[(0,m.jsx)("h3",{children:e}),n&&(0,m.jsx)("div",{className:"dim",children:n})]})}function Ge({error:e,retry:n}){return(0,m.jsxs)("div",{className:"state problem",role:"alert",children:[(0,m.jsx)("h3",{children:e.code==="unreachable"?"The API does not answer":"That did not work"}),(0,m.jsxs)("p",{children:[(0,m.jsx)(We,{children:e.message})," ",(0,m.jsx)("code",{className:"dim",children:e.code})]}),n&&(0,m.jsx)("button",{type:"button",className:"button",onClick:n,children:"Try again"})]})}function gr({of:e,what:n,children:t}){return e.data!==null?(0,m.jsx)(m.Fragment,{children:t(e.data)}):e.error!==null?(0,m.jsx)(Ge,{error:e.error,retry:e.reload}):(0,m.jsx)(jn,{what:n})}var Ke=class extends Qe.Component{state={error:null};static getDerivedStateFromError(n){return{error:n instanceof Error?n:new Error(String(n))}}componentDidUpdate(n){n.name!==this.props.name&&this.state.error&&this.setState({error:null})}render(){return this.state.error?(0,m.jsx)(Ge,{error:{message:this.state.error.message,code:"console_error"},retry:()=>this.setState({error:null})}):this.props.children}};var oe=y(S(),1);var N=y(w(),1);function Xe(e){let[n,t]=(0,oe.useState)(()=>Date.now());return(0,oe.useEffect)(()=>{if(e<=0)return;let r=setInterval(()=>t(Date.now()),e);return()=>clearInterval(r)},[e]),n}function hr({at:e}){let n=J(e);if(n===null)return(0,N.jsx)("span",{className:"dim",children:"—"});let t=new Date(n).toDateString()===new Date().toDateString();return(0,N.jsx)("time",{dateTime:e??void 0,title:e??void 0,className:"num",children:ve(n,!t)})}function Pr({at:e}){let n=Xe(1e4),t=J(e);if(t===null)return(0,N.jsx)("span",{className:"dim",children:"—"});let r=n-t,o=Math.abs(r)<1e4?"just now":r<0?`in ${te(-r)}`:`${Vn(r)} ago`;return(0,N.jsx)("time",{dateTime:e??void 0,title:ve(t,!0),children:o})}function Vn(e){return te(e).replace(/ \d+ (s|min)$/,"")}function vr({from:e,to:n}){let t=J(e),r=J(n),o=Xe(t!==null&&r===null?1e3:0);return t===null?(0,N.jsx)("span",{className:"dim",children:"—"}):(0,N.jsx)("span",{className:"num",children:te((r??Math.max(o,t))-t)})}var se=y(S(),1);var z=P([]);function qn(e){return e instanceof HTMLElement&&(e.isContentEditable||/^(INPUT|TEXTAREA|SELECT)$/.test(e.tagName))}function wr(e){let n=(0,se.useRef)(e);n.current=e;let t=e.map(r=>`${r.keys}\0${r.label}`).join(`
`);(0,se.useEffect)(()=>{let r=n.current.map((o,s)=>({...o,run:()=>n.current[s]?.run()}));return z.set([...z.get(),...r]),()=>z.set(z.get().filter(o=>!r.includes(o)))},[t])}var Mn=1200;function kr(){let e="",n=0,t=r=>{if(r.defaultPrevented||r.ctrlKey||r.metaKey||r.altKey||qn(r.target)&&r.key!=="Escape"||document.querySelector("dialog[open]")&&r.key!=="Escape")return;let o=e&&Date.now()-n<Mn?`${e} ${r.key}`:"",s=[...z.get()].reverse(),a=s.find(u=>u.keys===o)??s.find(u=>u.keys===r.key);e=s.some(u=>u.keys.startsWith(`${r.key} `))?r.key:"",n=Date.now(),a&&(e="",r.preventDefault(),a.run())};return window.addEventListener("keydown",t),()=>window.removeEventListener("keydown",t)}export{K as a,y as b,S as c,P as d,F as e,T as f,Bn as g,g as h,Wn as i,Kn as j,Qn as k,Fe as l,Zn as m,et as n,nt as o,tt as p,w as q,it as r,lt as s,ut as t,dt as u,ct as v,pt as w,ft as x,M as y,Be as z,Y as A,ye as B,Ot as C,jt as D,Vt as E,qt as F,Ft as G,Lt as H,Ut as I,Ht as J,Yt as K,Bt as L,Jt as M,zt as N,Wt as O,Kt as P,Qt as Q,Gt as R,Xt as S,Zt as T,er as U,nr as V,tr as W,rr as X,B as Y,te as Z,J as _,ve as $,sr as aa,We as ba,lr as ca,ur as da,On as ea,dr as fa,cr as ga,jn as ha,mr as ia,Ge as ja,gr as ka,Ke as la,Xe as ma,hr as na,Pr as oa,vr as pa,z as qa,wr as ra,kr as sa};
