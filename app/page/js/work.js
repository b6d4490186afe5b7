// Buttons and progress of what is computed only when asked for.

/** @import {Message, Work} from "./types" */

import {button, make} from "./dom.js"

/**
 * @param {(message: Message) => void} ask
 * @returns {{node: HTMLElement, draw: (state: Work | null) => void}}
 */
export function workBar(ask) {
  const progress = make("progress", {max: 1, value: 0, "aria-label": "Progress"})
  const words = make("span", {class: "fine"})
  const actions = make("span", {class: "actions"})
  const node = make("div", {class: "work", role: "group", "aria-label": "Computation"}, actions, progress, words)
  let drawn = ""
  /** @param {Work["buttons"]} buttons */
  const drawButtons = (buttons) => {
    // Redrawn only when they differ: one that has the focus must keep it while numbers run.
    const wanted = JSON.stringify(buttons)
    if (wanted === drawn) return
    drawn = wanted
    const ground = /** @type {Document | ShadowRoot} */ (actions.getRootNode())  // they stand in another part's corner
    const hadFocus = actions.contains(ground.activeElement)
    actions.replaceChildren(...buttons.map(([action, label]) =>
      button({onclick: () => ask({type: "work", do: action})}, label)))
    if (hadFocus) actions.querySelector("button")?.focus()
  }
  return {node, draw: (state) => {
    node.hidden = !state
    if (!state) return
    drawButtons(state.buttons)
    progress.hidden = !state.running
    progress.value = state.share
    const time = !state.running ? "" : state.left === null ? "…" : `${Math.ceil(state.left)} s left`
    words.textContent = [state.text, time].filter(Boolean).join(" · ")
  }}
}
