// Undo and redo: two buttons and the usual keys.

/** @import {Store} from "./types" */

import {button, make} from "./dom.js"

/**
 * @param {Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">} event
 * @returns {"undo" | "redo" | null} what it asks for
 */
export function stepOf({key, ctrlKey, metaKey, altKey, shiftKey}) {
  if (!(ctrlKey || metaKey) || altKey) return null
  const letter = key.toLowerCase()
  if (letter === "z") return shiftKey ? "redo" : "undo"
  return letter === "y" && !shiftKey ? "redo" : null
}

/** @param {Element} node @returns {boolean} whether the browser's own undo belongs to what is typed there */
function hasUndoOfItsOwn(node) {
  return node.matches?.("input:not([type=range]):not([type=checkbox]), textarea, [contenteditable]") ?? false
}

/**
 * @param {Store} store
 * @param {{keys: boolean}} options whether the keys are the page's; in a notebook they are the notebook's
 * @returns {HTMLElement} the buttons
 */
export function stepButtons(store, {keys}) {
  const ask = {undo: () => store.engine?.ask({type: "undo"}), redo: () => store.engine?.ask({type: "redo"})}
  const undo = button({onclick: ask.undo, title: "Take the last move back. Ctrl+Z"}, "Undo")
  const redo = button({onclick: ask.redo, title: "Do it again. Ctrl+Shift+Z"}, "Redo")
  const show = () => {
    undo.disabled = !store.frame.undo
    redo.disabled = !store.frame.redo
  }
  store.watchers.add((moved) => { if (!moved?.size) show() })
  show()
  if (keys) window.addEventListener("keydown", (event) => {
    const step = stepOf(event)
    if (!step || store.asking || hasUndoOfItsOwn(/** @type {Element} */ (event.composedPath()[0]))) return
    event.preventDefault()
    ask[step]()
  })
  return make("span", {class: "steps"}, undo, redo)
}
