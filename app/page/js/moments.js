// Pictures that go along with a sound: all moments travel once, and while the sound plays the one that is heard is drawn.

/** @import {Document} from "@bokehjs/document" */
/** @import {ColumnDataSource} from "@bokehjs/models/sources/column_data_source" */
/** @import {Frames, MakeArray, MomentsContent, Scene, Store} from "./types" */

/**
 * @param {Pick<Frames, "packed" | "low" | "high" | "columns">} frames
 * @param {number} at number of the moment
 * @returns {Float32Array<ArrayBuffer>} the cells, row by row
 */
export function cellsAt({packed, low, high, columns = new Int32Array()}, at) {
  const [count, size] = packed.shape
  const kept = columns.reduce((most, each) => Math.max(most, each + 1), 1)
  const rows = size / kept, step = (high - low) / 255
  const first = Math.min(Math.max(at, 0), count - 1) * size
  const cells = new Float32Array(rows * columns.length)
  for (let row = 0; row < rows; row++)
    columns.forEach((from, column) => {
      cells[row * columns.length + column] = from < 0 ? low : low + step * packed[first + row * kept + from]
    })
  return cells
}

/**
 * @param {Document} document
 * @param {MomentsContent} picture
 * @param {Store} store
 * @returns {{take: (films: NonNullable<Scene["films"]>) => void}} takes the moments of a scene, if it has new ones
 */
export function follower(document, {source, sounds}, store) {
  const image = /** @type {ColumnDataSource} */ (document.get_model_by_name(`${source}-data`))
  const ndarray = /** @type {MakeArray} */ (Bokeh.require("core/util/ndarray").ndarray)
  /** @type {Frames | null} */
  let frames = null
  let drawn = -1
  store.followers.add((key, at) => {
    if (!frames) return
    const {still = 0, step, columns, packed} = frames
    const moment = sounds.includes(key) && at > 0 ? Math.min(Math.floor(at / step), packed.shape[0] - 1) : still
    if (moment === drawn || !columns) return
    drawn = moment
    const cells = cellsAt(frames, moment)
    const shape = [cells.length / columns.length, columns.length]
    image.data = {...image.data, image: [ndarray(cells, {dtype: "float32", shape})]}
  })
  return {take: (films) => {
    if (!films[source]) return
    frames = films[source]
    drawn = frames.still ?? 0  // what came with it
  }}
}
