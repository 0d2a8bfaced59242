// A stand-in for Facebook's browser SDK: the FB.* a page calls, against the sandbox that serves this file.
(() => {
  "use strict";

  const base = new URL(document.currentScript.src).origin;
  const listeners = new Map();
  const fresh = { connected: 5400, otherwise: 86400 }; // seconds an answer of getLoginStatus is kept
  let settings = null;
  let known = null; // {status, authResponse, at}

  const seconds = () => Math.floor(Date.now() / 1000);
  const named = (prefix) => `${prefix}_${settings.appId}`;

  // A page may be denied its storage (a sandboxed frame); the SDK then remembers for this page only.
  const stored = (kind, act) => {
    try {
      return act(window[kind]);
    } catch (denied) {
      if (denied instanceof DOMException) return null;
      throw denied;
    }
  };

  const cookie = (name, value, maxAge) => {
    document.cookie = `${name}=${value}; Path=/; SameSite=Lax; Max-Age=${maxAge}`;
  };
  const hasCookie = (name) => document.cookie.split("; ").some((each) => each.startsWith(`${name}=`));

  const ready = () => {
    if (!settings) throw new Error("FB.init() must be called first, with an appId");
  };

  const fire = (event, value) => {
    for (const listener of [...(listeners.get(event) ?? [])]) listener(value);
  };

  const userOf = (signedRequest) => {
    const payload = signedRequest.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(atob(payload)).user_id;
  };

  // What the dialog's fragment and the header fb-ar say, in the words of FB.getAuthResponse().
  const authResponseOf = (told) => {
    const response = {
      accessToken: told.access_token,
      userID: told.user_id ?? userOf(told.signed_request),
      expiresIn: Number(told.expires_in),
      signedRequest: told.signed_request,
      graphDomain: told.graph_domain,
      data_access_expiration_time: Number(told.data_access_expiration_time),
    };
    response.reauthorize_required_in = Math.max(0, response.data_access_expiration_time - seconds());
    if (told.granted_scopes !== undefined) response.grantedScopes = told.granted_scopes;
    return response;
  };

  const remember = (status, told) => {
    const before = known ?? { status: null, authResponse: null };
    const authResponse = told ? authResponseOf(told) : null;
    known = { status, authResponse, at: seconds() };
    stored("sessionStorage", (store) => store.setItem(named("fbssls"), JSON.stringify(known)));
    if (told?.long_lived_token && settings.localStorage !== false) {
      stored("localStorage", (store) => store.setItem(named("fblst"), told.long_lived_token));
    }
    if (settings.cookie) {
      if (authResponse) {
        cookie(named("fbsr"), authResponse.signedRequest, authResponse.expiresIn || 86400);
        cookie(named("fbm"), `base_domain=${told.base_domain ?? ""}`, 31536000);
      } else {
        cookie(named("fbsr"), "", 0);
      }
    }
    if (authResponse) cookie(named("fblo"), "", 0);
    announce(before, answer());
  };

  const announce = (before, now) => {
    const changed = (before.authResponse?.accessToken ?? null) !== (now.authResponse?.accessToken ?? null);
    if (!before.authResponse && now.authResponse) fire("auth.login", now);
    if (before.authResponse && !now.authResponse) fire("auth.logout", now);
    if (changed) fire("auth.authResponseChange", now);
    if (before.status !== now.status) fire("auth.statusChange", now);
  };

  const answer = () => ({ status: known.status, authResponse: known.authResponse });

  const recall = () => {
    const text = stored("sessionStorage", (store) => store.getItem(named("fbssls")));
    if (text) known = JSON.parse(text);
  };

  const stillFresh = () => {
    if (!known) return false;
    const age = seconds() - known.at;
    const ends = known.authResponse?.expiresIn;
    if (ends && age >= ends) return false;
    return age < (known.status === "connected" ? fresh.connected : fresh.otherwise);
  };

  const askStatus = async () => {
    const asked = new URLSearchParams({
      client_id: settings.appId,
      input_token: stored("localStorage", (store) => store.getItem(named("fblst"))) ?? "",
      redirect_uri: location.href.split("#")[0],
      origin: "1",
      sdk: "joey",
      wants_cookie_data: String(Boolean(settings.cookie)),
    });
    const response = await fetch(`${base}/x/oauth/status?${asked}`, { credentials: "include" });
    const status = response.headers.get("fb-s") ?? "unknown";
    const told = response.headers.get("fb-ar");
    remember(status, told ? JSON.parse(told) : null);
  };

  const popup = (url) => window.open(url, "", "popup,width=600,height=700");

  const dialogUrl = (options, channel) => {
    const arbiter = new URLSearchParams({ cb: channel, origin: `${location.origin}/${channel}`, relation: "opener" });
    const asked = {
      app_id: settings.appId,
      client_id: settings.appId,
      redirect_uri: `${base}/x/connect/xd_arbiter/?version=46#${arbiter}`,
      response_type: options.response_type ?? "token,signed_request,graph_domain",
      display: "popup",
      sdk: "joey",
      ...options,
    };
    const pairs = Object.entries(asked).filter(([, value]) => value !== undefined);
    return `${base}/${settings.version}/dialog/oauth?${new URLSearchParams(pairs)}`;
  };

  const login = (callback, options = {}) => {
    ready();
    const channel = `f${crypto.randomUUID().replaceAll("-", "")}`;
    const opened = popup(dialogUrl(options, channel));
    let watch = 0;
    let late = 0;
    const finish = () => {
      clearInterval(watch);
      clearTimeout(late);
      window.removeEventListener("message", take);
    };
    const take = (message) => {
      // The popup may be gone by now, and its message then has no source; the channel is a secret of this login.
      if (message.origin !== base || typeof message.data !== "string") return;
      const told = Object.fromEntries(new URLSearchParams(message.data));
      if (told.cb !== channel) return;
      finish();
      if (told.access_token) remember("connected", told);
      else if (!known) remember("unknown", null);
      callback?.(told.access_token ? answer() : { status: known.status, authResponse: null });
    };
    window.addEventListener("message", take);
    watch = setInterval(() => {
      if (opened && !opened.closed) return;
      clearInterval(watch);
      // Its last message may still be on the way.
      late = setTimeout(() => {
        finish();
        callback?.({ status: known?.status ?? "unknown", authResponse: null });
      }, 500);
    }, 500);
  };

  const getLoginStatus = (callback, force = false) => {
    ready();
    if (hasCookie(named("fblo"))) {
      if (known?.status !== "unknown") remember("unknown", null);
      callback?.(answer());
    } else if (!force && stillFresh()) {
      callback?.(answer());
    } else {
      askStatus().then(
        () => callback?.(answer()),
        // An authority that cannot be reached says nothing about the person.
        () => callback?.({ status: "unknown", authResponse: null }),
      );
    }
  };

  const logout = (callback) => {
    ready();
    if (!known?.authResponse) throw new Error("FB.logout() needs a person who is logged in");
    const asked = new URLSearchParams({ access_token: known.authResponse.accessToken });
    fetch(`${base}/x/oauth/logout?${asked}`, { credentials: "include" }).finally(() => {
      cookie(named("fblo"), "y", 31536000);
      stored("localStorage", (store) => store.removeItem(named("fblst")));
      remember("unknown", null);
      callback?.(answer());
    });
  };

  // FB.api(path[, method][, params][, callback])
  const api = (path, ...rest) => {
    ready();
    const method = typeof rest[0] === "string" ? rest.shift() : "get";
    const params = typeof rest[0] === "object" ? rest.shift() : {};
    const callback = rest[0];
    const texts = Object.entries(params ?? {}).map(([name, value]) => [
      name,
      typeof value === "object" ? JSON.stringify(value) : value,
    ]);
    const asked = new URLSearchParams([
      ...texts,
      ["method", method.toLowerCase()],
      ["pretty", "0"],
      ["sdk", "joey"],
      ["suppress_http_code", "1"],
    ]);
    if (known?.authResponse && !asked.has("access_token")) {
      asked.set("access_token", known.authResponse.accessToken);
    }
    const url = `${base}/${settings.version}/${path.replace(/^\//, "")}`;
    const sent =
      method.toLowerCase() === "get"
        ? fetch(`${url}${url.includes("?") ? "&" : "?"}${asked}`)
        : fetch(url, { method: "POST", body: asked });
    sent
      .then((response) => response.json())
      .catch(() => ({ error: { message: "unknown error", type: "http", code: 1 } }))
      .then((body) => callback?.(body));
  };

  const init = (options) => {
    settings = { version: "v25.0", ...options, appId: String(options.appId) };
    recall();
    if (settings.status) getLoginStatus();
  };

  const subscribe = (event, listener) => {
    listeners.set(event, [...(listeners.get(event) ?? []), listener]);
  };
  const unsubscribe = (event, listener) => {
    listeners.set(event, (listeners.get(event) ?? []).filter((each) => each !== listener));
  };

  window.FB = {
    init,
    login,
    logout,
    api,
    getLoginStatus,
    getAuthResponse: () => known?.authResponse ?? null,
    getAccessToken: () => known?.authResponse?.accessToken ?? null,
    getUserID: () => known?.authResponse?.userID ?? "",
    Event: { subscribe, unsubscribe },
    XFBML: { parse: () => fire("xfbml.render") },
  };
  window.fbAsyncInit?.();
})();
