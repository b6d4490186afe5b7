// The parts of a lab's page: title bar, controls, and the main part with words, figures and tools. Each is a component of
// Panel's, drawn from plain data (app/page/content.py); app/page/script.py joins these modules into the one that the
// components run.

/** @import {BarContent, ControlsContent, MainContent, Part} from "./types" */

import {bar} from "./bar.js"
import {controls} from "./controls.js"
import {figures} from "./figures.js"
import {layout} from "./layout.js"
import {storeOf, whenStarted} from "./store.js"
import {tools} from "./tools.js"
import {words} from "./words.js"

/**
 * @param {{model: Part<BarContent & ControlsContent & MainContent>, el: HTMLElement}} part
 */
export function render({model, el}) {
  const {kind, content} = model
  if (kind === "bar") return bar(content, el)
  const store = storeOf(content.id)
  if (kind === "controls") whenStarted(store, () => controls(model, el, store))
  if (kind !== "main") return
  const places = layout(el, store)
  words(content.words, places, store)
  void figures(withContent(model, content.figures), places.figures, store)
  tools(withContent(model, content.tools), places.tools, store)
}

/**
 * @template Content
 * @param {Part<unknown>} part
 * @param {Content} content
 * @returns {Part<Content>} the same part, seen as one that is drawn from this
 */
function withContent(part, content) {
  return {kind: part.kind, content, send_msg: (message) => part.send_msg(message), on: (event, run) => part.on(event, run)}
}
