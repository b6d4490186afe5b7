// A page that holds what would be lost asks the browser to ask before it is left.

/** @import {Store} from "./types" */

// Whether the page itself opens anew: its session is gone, and nothing is left to lose.
let reloads = false

/** @param {Pick<Store, "frame" | "fileAtRisk">} store */
export function losesSomething({frame, fileAtRisk}) {
  return frame.unsaved || fileAtRisk
}

/** @param {Store} store */
export function guardLeaving(store) {
  window.addEventListener("beforeunload", (event) => {
    if (!reloads && losesSomething(store)) event.preventDefault()
  })
}

export function reload() {
  reloads = true
  location.reload()
}
