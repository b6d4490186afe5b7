// Positions of a slider whose scale is logarithmic.

/** @import {NumberEntry} from "./types" */

const LOG_STEPS = 400

/**
 * The distinct rounded values of a logarithmic range, in order: a slider that steps through them moves with every key.
 * @param {Pick<NumberEntry, "scale" | "min" | "max" | "step">} entry
 * @returns {number[] | null} null where the scale is linear
 */
export function ladder(entry) {
  if (entry.scale !== "log") return null
  const values = new Set([entry.min])
  for (let i = 1; i < LOG_STEPS; i += 1) {
    const raw = entry.min * (entry.max / entry.min) ** (i / LOG_STEPS)
    const rounded = Math.round(Number(raw.toPrecision(3)) / entry.step) * entry.step
    if (rounded > entry.min && rounded < entry.max) values.add(Number(rounded.toPrecision(10)))
  }
  return [...values, entry.max].sort((a, b) => a - b)
}

/**
 * @param {number[]} rungs
 * @param {number} value
 * @returns {number} index of the rung whose ratio to the value is closest to one
 */
export function nearest(rungs, value) {
  /** @param {number} i */
  const distance = (i) => Math.abs(Math.log(rungs[i] / value))
  return rungs.reduce((best, _, i) => distance(i) < distance(best) ? i : best, 0)
}
