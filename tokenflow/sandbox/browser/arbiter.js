// The landing page of FB.login's popup: hand the answer to the page that asked, and to no other.
(() => {
  "use strict";
  const answer = location.hash.slice(1);
  const asked = new URLSearchParams(answer).get("origin");
  history.replaceState(null, "", location.pathname);
  if (window.opener && asked) {
    window.opener.postMessage(answer, new URL(asked).origin);
    window.close();
  }
})();
