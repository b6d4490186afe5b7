// A page whose connection breaks says so, and finds the way back to its session.

/** @import {ClientConnection} from "@bokehjs/client/connection" */
/** @import {Engine} from "./types" */

import {make} from "./dom.js"
import {createReconnection} from "./reconnection.js"
import {adopt, connectionOf} from "./upstream.js"

/**
 * @param {Pick<Engine, "lost" | "found">} engine
 */
export function keepConnected(engine) {
  const line = make("p", {
    role: "alert",
    style: "position: fixed; inset: auto 0 0 0; margin: 0; padding: 0.6rem; z-index: 2000; text-align: center; " +
      "background: #8a1c1c; color: #ffffff",
  })
  const reconnection = createReconnection()
  /** @type {ClientConnection | undefined} */
  let adopted
  for (const page of Bokeh.documents) {
    page.on_event("connection_lost", (_, event) => {
      const connection = connectionOf(event)
      if (connection && connection !== adopted) {
        adopted = connection
        adopt(connection, reconnection)
      }
      const why = reconnection.refusal() || "The connection to the server is lost."
      line.textContent = `${why} Trying again; your settings stay in the address.`
      document.body.append(line)
      engine.lost()
    })
    page.on_event("client_reconnected", () => {
      reconnection.found()
      line.remove()
      engine.found()
    })
  }
}
