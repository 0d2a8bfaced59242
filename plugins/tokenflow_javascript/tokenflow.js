// Hand a browser's Facebook login to the server, and keep what the server knows current.
//
//   <script src="/tokenflow.js"></script>
//   <script>
//     window.fbAsyncInit = () => {
//       FB.init({ appId: "…", cookie: true, version: "v25.0" });
//       tokenflow.follow({ handOff: "/hand-off", onAnswer: (answer) => … });
//     };
//   </script>
//
// Where the server gives out invitations (`invitations: "/invitations"`), each hand-off is sent with a ticket of
// its own. Whatever SDK is loaded serves, as long as it has FB.getLoginStatus and FB.Event.
(() => {
  "use strict";

  // Post {status, authResponse} as JSON to our own server; the token is in the body, never in a URL.
  const handOver = async (handOff, headers, answer) => {
    const response = await fetch(handOff, {
      method: "POST",
      credentials: "same-origin",
      cache: "no-store",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify({ status: answer.status, authResponse: answer.authResponse ?? null }),
    });
    if (!response.ok) throw new Error(`${handOff} answered ${response.status}`);
    return response.status === 204 ? null : response.json();
  };

  // Ask our own server for the ticket of one hand-off.
  const invited = async (invitations) => {
    const response = await fetch(invitations, { method: "POST", credentials: "same-origin", cache: "no-store" });
    if (!response.ok) throw new Error(`${invitations} answered ${response.status}`);
    return { "Tokenflow-Ticket": (await response.json()).ticket };
  };

  // The address is on this page's own origin, or it is not spoken to.
  const own = (name, address) => {
    const target = new URL(address, location.href);
    if (target.origin !== location.origin) {
      throw new Error(`${name} must be on this page's own origin, not on ${target.origin}`);
    }
    return target.href;
  };

  // Begin to follow; returns a function that ends it.
  const follow = ({
    handOff, invitations, headers = {}, sdk = window.FB, onAnswer = () => {}, onError = console.error,
  }) => {
    const target = own("handOff", handOff);
    const asked = invitations === undefined ? null : own("invitations", invitations);
    let last = "";
    let queue = Promise.resolve(); // one at a time, so that an older answer never overtakes a newer one
    const tell = (answer) => {
      const now = `${answer.status} ${answer.authResponse?.accessToken ?? ""}`;
      if (now === last) return;
      last = now;
      queue = queue
        .then(() => (asked === null ? {} : invited(asked)))
        .then((ticket) => handOver(target, { ...headers, ...ticket }, answer))
        .then(onAnswer)
        .catch((error) => {
          last = ""; // not delivered: the next event tries again
          onError(error);
        });
    };
    const events = ["auth.authResponseChange", "auth.statusChange"];
    for (const event of events) sdk.Event.subscribe(event, tell);
    sdk.getLoginStatus(tell);
    return () => {
      for (const event of events) sdk.Event.unsubscribe(event, tell);
    };
  };

  window.tokenflow = Object.freeze({ follow });
})();
