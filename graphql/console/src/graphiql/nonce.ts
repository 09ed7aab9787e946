// Imported first: dialogs of the query page write a style element of their own, which the page's policy takes only
// with the nonce that the server put into the page. The library looks for it under this name.
const given = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
(globalThis as { __webpack_nonce__?: string }).__webpack_nonce__ = given;

export {};
