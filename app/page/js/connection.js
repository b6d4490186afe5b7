// A page whose connection breaks says so, and finds the way back to its session.

/** @import {ClientConnection} from "@bokehjs/client/connection" */
/** @import {Engine} from "./types" */

import {make} from "./dom.js"
import {createReconnection} from "./reconnection.js"
import {watchSilence} from "./silence.js"
import {adopt, connectionOf} from "./upstream.js"

/**
 * @param {Pick<Engine, "lost" | "found">} engine
 */
export function keepConnected(engine) {
  const {show, remove} = warning()
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
      show(`${why} Trying again; your settings stay in the address.`)
      engine.lost()
    })
    page.on_event("client_reconnected", () => {
      reconnection.found()
      remove()
      engine.found()
    })
  }
}

/**
 * Say where the network hangs, so that nobody waits for a picture that cannot come.
 * @returns {ReturnType<typeof watchSilence>}
 */
export function keepListening() {
  const {show, remove} = warning()
  const text = "The network does not answer. What you move goes when it does."
  const silence = watchSilence(
    (within) => fetch("health", {cache: "no-store", signal: AbortSignal.timeout(within)}),
    (is) => { if (is) show(text); else if (navigator.onLine) remove() },
  )
  window.addEventListener("offline", () => show("This device is not connected to a network."))
  window.addEventListener("online", remove)
  return silence
}

/** @returns {{show: (text: string) => void, remove: () => void}} a line at the bottom of the page */
function warning() {
  const line = make("p", {
    role: "alert",
    style: "position: fixed; inset: auto 0 0 0; margin: 0; padding: 0.6rem; z-index: 2000; text-align: center; " +
      "background: #8a1c1c; color: #ffffff",
  })
  return {
    show(text) {
      line.textContent = text
      document.body.append(line)
    },
    remove: () => line.remove(),
  }
}
