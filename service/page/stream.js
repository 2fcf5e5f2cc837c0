// The stream: it watches, and comes back by itself after a restart of the server.

const FIRST_WAIT = 400; // milliseconds
const LONGEST_WAIT = 5000;

export class Stream {
  /**
   * `heard` is called with every message; `lost` when the connection goes, `back` when it is there again, and `gone`
   * where there is no sense in another.
   */
  constructor(session, { heard, lost, back, gone }) {
    Object.assign(this, { session, heard, lost, back, gone });
    this.wait = FIRST_WAIT;
    this.lostAt = null;
    this.closed = false;
    this.open();
    document.addEventListener("visibilitychange", () => this.attend());
  }

  open() {
    const url = new URL(this.session.place("/v1/stream?watch=true&outputs=surprise"), location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const key = this.session.key;
    const protocols = key === null ? ["realnet.v1.json"] : ["realnet.v1.json", `realnet.key.${key}`];
    this.socket = new WebSocket(url, protocols); // throws for a key with signs that no subprotocol may have
    this.socket.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => this.ended(event));
  }

  receive(message) {
    if (message.type === "hello") {
      if (this.lostAt !== null) this.back((Date.now() - this.lostAt) / 1000);
      this.lostAt = null;
      this.wait = FIRST_WAIT;
      this.attend();
    }
    this.heard(message);
  }

  /** Ask for no outputs while nobody sees the page. */
  attend() {
    if (this.socket.readyState === WebSocket.OPEN)
      this.socket.send(JSON.stringify({ type: "subscribe", outputs: document.hidden ? "none" : "surprise" }));
  }

  ended(event) {
    if (this.closed) return;
    this.lostAt ??= Date.now();
    this.lost(event.code);
    this.timer = setTimeout(() => this.again(), this.wait);
    this.wait = Math.min(LONGEST_WAIT, 2 * this.wait);
  }

  async again() {
    try {
      await this.session.get("/v1/net"); // a key that is no longer valid is told here, a WebSocket tells nothing
    } catch (error) {
      if (error.status === 401) return;
      if ([403, 404].includes(error.status)) {
        this.close();
        this.gone(error);
        return;
      }
    }
    if (!this.closed) this.open();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket.close();
  }
}
