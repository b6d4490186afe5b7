// Scenes put into the figures: what the server sent, set on BokehJS's models.

/** @import {Document} from "@bokehjs/document" */
/** @import {HasProps} from "@bokehjs/core/has_props" */
/** @import {Figure} from "@bokehjs/models/plots" */
/** @import {MakeArray, Scene} from "./types" */

import {tidyLegends} from "./legends.js"
import {unpackScene} from "./unpack.js"

/**
 * @param {Document} document
 * @returns {Figure[]}
 */
export function figuresOf(document) {
  return /** @type {Figure[]} */ (document.roots())
}

/**
 * @param {Document} document
 * @param {string} path name of a model, and of its parts ("map.x_range")
 * @returns {HasProps & {data?: unknown}}
 */
function named(document, path) {
  const [name, ...parts] = path.split(".")
  // HoloViews names ranges after dimensions, so a figure is looked for among the figures first.
  let found = figuresOf(document).find((figure) => figure.name === name) ?? document.get_model_by_name(name)
  for (const part of parts) found = /** @type {Record<string, HasProps> | null} */ (/** @type {unknown} */ (found))?.[part] ?? null
  if (!found) throw new Error(`no figure has ${path}`)
  return found
}

/**
 * @param {Document} document
 * @param {Scene} packed
 * @param {boolean} [isFirst] whether the figures hold nothing but what stands in their template
 * @returns {NonNullable<Scene["films"]>} the films that came with it
 */
export function applyScene(document, packed, isFirst = false) {
  const ndarray = /** @type {MakeArray} */ (Bokeh.require("core/util/ndarray").ndarray)
  const scene = unpackScene(packed, ndarray)
  for (const [path, properties] of Object.entries(scene.set)) named(document, path).setv(properties)
  for (const [path, [start, end]] of Object.entries(scene.limits))
    named(document, path).setv({start, end, reset_start: start, reset_end: end})
  for (const [name, columns] of Object.entries(scene.data))
    named(document, `${name}-data`).data = columns
  tidyLegends(figuresOf(document), scene, isFirst)
  return scene.films ?? {}
}
