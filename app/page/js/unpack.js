// Scenes as they travel (`bundled`, `packed` and `every_line` in Python), turned into what data sources hold.

/** @import {MakeArray, PackedArray, Scene} from "./types" */

/**
 * @param {Scene} scene as it travels
 * @param {MakeArray} ndarray
 * @returns {Scene} the columns as data sources hold them
 */
export function unpackScene(scene, ndarray) {
  const whole = unbundled(scene, ndarray)
  const data = Object.fromEntries(Object.entries(whole.data).map(([name, columns]) => [
    name,
    Object.fromEntries(Object.entries(columns).map(
      ([column, values]) => [column, unpack(values, "image" in columns, ndarray)])),
  ]))
  return {...whole, data}
}

/**
 * Give a scene its arrays, which travel as one.
 * @param {Scene} scene
 * @param {MakeArray} ndarray
 * @returns {Scene}
 */
export function unbundled(scene, ndarray) {
  if (!scene.bytes) return scene
  const {buffer, byteOffset} = scene.bytes
  const {films} = scene
  /** @type {(value: unknown) => unknown} */
  const restored = (value) => {
    if (Array.isArray(value)) return value.map(restored)
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value
    if (!("dtype" in value))
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, restored(each)]))
    const {from, to, dtype, shape} = /** @type {PackedArray} */ (value)
    const bytes = /** @type {ArrayBuffer} */ (buffer).slice(byteOffset + from, byteOffset + to)
    return ndarray(bytes, {dtype, shape})
  }
  return {
    ...scene,
    data: /** @type {Scene["data"]} */ (restored(scene.data)),
    ...(films ? {films: /** @type {Scene["films"]} */ (restored(films))} : {}),
  }
}

/**
 * Turn a column that travels small into what a data source holds.
 * @param {unknown} column
 * @param {boolean} isImage whether the column is one image, or else a list of lines
 * @param {MakeArray} ndarray
 * @returns {unknown}
 */
export function unpack(column, isImage, ndarray) {
  if (column === null || typeof column !== "object") return column
  if ("every_line" in column) {
    const {every_line: line, lines} = /** @type {{every_line: unknown, lines: number}} */ (column)
    return Array(lines).fill(line)
  }
  if (!("packed" in column)) return column
  const {packed, low, high} =
    /** @type {{packed: Uint8Array & {shape: [number, number]}, low: number, high: number}} */ (column)
  const [rows, columns] = packed.shape
  const step = (high - low) / 255
  const whole = Float32Array.from(packed, (value) => low + step * value)
  if (isImage) return [ndarray(whole, {dtype: "float32", shape: [rows, columns]})]
  return Array.from({length: rows}, (_, row) => whole.subarray(row * columns, (row + 1) * columns))
}
