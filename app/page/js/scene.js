// Scenes put into the figures: what the server sent, set on BokehJS's models.

/** @import {Document} from "@bokehjs/document" */
/** @import {HasProps} from "@bokehjs/core/has_props" */
/** @import {Figure} from "@bokehjs/models/plots" */
/** @import {LegendItems, MakeArray, Scene} from "./types" */

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
  tidyLegends(document, scene, isFirst)
  return scene.films ?? {}
}

/**
 * Name in a legend only what is there: a line without points has no entry.
 * @param {Document} document
 * @param {Scene} scene
 * @param {boolean} isFirst
 */
function tidyLegends(document, scene, isFirst) {
  const filled = new Map(Object.entries(scene.data).map(([name, columns]) =>
    [`${name}-data`, hasPoints(Object.values(columns)[0])]))
  for (const figure of figuresOf(document))
    for (const legend of figure.center.filter((part) => part.type === "Legend"))
      for (const item of /** @type {{items: LegendItems}} */ (/** @type {unknown} */ (legend)).items) {
        const known = item.renderers
          .map(({data_source: {name}}) => filled.get(String(name)) ?? (isFirst && name ? false : null))
          .filter((is) => is !== null)
        const isVisible = known.some(Boolean)
        if (known.length && item.visible !== isVisible) item.visible = isVisible
      }
}

/**
 * @param {unknown} column
 * @returns {boolean}
 */
function hasPoints(column) {
  if (Array.isArray(column)) return column.length > 0
  return ArrayBuffer.isView(column) && column.byteLength > 0
}
