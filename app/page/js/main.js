// The parts of a lab's page: controls, words, figures and tools. Each is a component of Panel's, drawn from plain data
// (app/controls.py); app/page/script.py joins these modules into the one that the components run.

/** @import {ControlsContent, FiguresContent, Part, ToolsContent, WordsContent} from "./types" */

import {controls} from "./controls.js"
import {figures} from "./figures.js"
import {adaptPage} from "./frame.js"
import {storeOf, whenStarted} from "./store.js"
import {tools} from "./tools.js"
import {words} from "./words.js"

/**
 * @param {{model: Part<ControlsContent & FiguresContent & ToolsContent & WordsContent>, el: HTMLElement}} part
 */
export function render({model, el}) {
  if (model.kind === "frame") return adaptPage()
  const store = storeOf(model.content.id)
  if (model.kind === "controls") whenStarted(store, () => controls(model, el, store))
  if (model.kind === "words") words(model, el, store)
  if (model.kind === "figures") void figures(model, el, store)
  if (model.kind === "tools") tools(model, el, store)
}
