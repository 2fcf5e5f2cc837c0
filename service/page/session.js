// Who asks, and which net: the key, kept in this tab only, the net of the address bar, and calls of the server.

const KEY = "realnet.key";
const NET_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const OF_NO_NET = /^\/v1\/(me|nets)([/?]|$)/;

export class Problem extends Error {
  constructor(status, problem, retryAfter) {
    const places = (problem.errors ?? []).map((each) => `${each.pointer ?? each.parameter ?? ""} ${each.detail}`.trim());
    super([problem.detail ?? problem.title ?? `The server answers ${status}`, ...places].join(". "));
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export class Session {
  onUnauthorized = () => {};
  net = new URLSearchParams(location.search).get("net") || "default";

  /** Return where the net has what the server's own has at `path`. Throws Problem for what no net can be called. */
  place(path) {
    if (this.net === "default" || OF_NO_NET.test(path)) return path;
    if (!NET_NAME.test(this.net)) throw new Problem(404, { detail: "No net can have the name in the address." });
    return path.replace("/v1/", `/v1/nets/${this.net}/`);
  }

  get key() {
    return sessionStorage.getItem(KEY);
  }

  set key(key) {
    if (key === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, key);
  }

  get headers() {
    return this.key === null ? {} : { Authorization: `Bearer ${this.key}` };
  }

  /** Return the response to a call. Throws Problem for a refusal, and TypeError where no server answers. */
  async fetch(method, path, { json, body, headers = {}, signal } = {}) {
    const given = json === undefined ? {} : { "Content-Type": "application/json" };
    const response = await fetch(this.place(path), {
      method,
      headers: { ...this.headers, ...given, ...headers },
      body: json === undefined ? body : JSON.stringify(json),
      signal,
      cache: "no-store",
    });
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    const error = new Problem(response.status, problem, Number(response.headers.get("Retry-After")) || 1);
    if (response.status === 401) this.onUnauthorized(error);
    throw error;
  }

  async call(method, path, options) {
    const response = await this.fetch(method, path, options);
    return response.status === 204 ? null : response.json();
  }

  get = (path) => this.call("GET", path);
}

/** Return what a person is told of a failure. */
export const told = (error) => (error instanceof Problem ? error.message : error instanceof TypeError ? "The server does not answer." : String(error));
