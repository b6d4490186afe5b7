// Where the name of a line stands beside it: nearer to it than to any other, and over nothing. Not the drawing: see
// legends.js.

/** A line in px from the upper left corner of its frame. @typedef {{x: ArrayLike<number>, y: ArrayLike<number>}} Line */
/** @typedef {{left: number, top: number, width: number, height: number}} Box */
/** @typedef {{width: number, height: number}} Size */
/** A box, and the place along the line that it was tried at. @typedef {Box & {at: number, isAbove: boolean}} Placed */
/** What lies highest and lowest in each column of px. @typedef {{top: Float32Array, bottom: Float32Array}} Columns */

// Space between a line and its name, between a name and all else, and beside the edges of the frame, px.
const GAP = 3, APART = 5, EDGE = 3
// Space between the middle of a mark, which has no length, and its name, px.
const BESIDE = 8
// Lines that differ by less cover each other, px.
const SAME = 1.5
// A line that climbs by more along its name, as a multiple of the name's height, is too steep for it.
const STEEPEST = 4
// All other lines are so many times further from the middle of a name.
const CLEARLY = 1.4
// Places along a line that are tried.
const TRIES = 32
// Space around a name beyond which more is no better, px; what a place further right, and the place before, is worth.
const ENOUGH = 24, RIGHT = 8, HELD = 12

/**
 * @param {Line[]} lines those that get names, from the one behind to the one in front
 * @param {Size[]} sizes of their names
 * @param {Size} room of the frame
 * @param {{lines?: Line[], boxes?: Box[]}} [others] what else must stay free
 * @param {(Placed | undefined)[]} [held] where the names stand now
 * @returns {(Placed | null | undefined)[]} a place for each name that finds one; null for a line that others cover
 */
export function placedBeside(lines, sizes, room, {lines: more = [], boxes = []} = {}, held = []) {
  const width = Math.floor(room.width)
  /** @type {(Placed | null | undefined)[]} */
  const placed = lines.map(() => undefined)
  if (!(width > 0) || !(room.height > 0)) return placed
  const columns = lines.map((line) => columnsOf(line, width))
  const rest = more.map((line) => columnsOf(line, width))
  const found = lines.map((_, i) =>
    candidates(columns[i], {behind: columns.slice(0, i), rest: [...columns.slice(i + 1), ...rest]}, sizes[i],
      {width, height: room.height}, held[i]))
  // The one with the least choice chooses first.
  const order = lines.map((_, i) => i).sort((a, b) => found[a].length - found[b].length)
  for (const i of order)
    placed[i] = found[i].find(({box}) => ![...boxes, ...placed].some((other) => other && meet(box, other)))?.box
  return placed.map((box, i) => columns.slice(i + 1).some((front) => isHidden(columns[i], front, 0, width)) ? null : box)
}

/**
 * @param {Columns} own
 * @param {{behind: Columns[], rest: Columns[]}} others lines behind it, and all others
 * @param {Size} size
 * @param {Size} room
 * @param {Placed} [held]
 * @returns {{box: Placed, worth: number}[]} places for a name, the best first
 */
function candidates(own, {behind, rest}, size, room, held) {
  const width = Math.ceil(size.width), last = room.width - width - EDGE
  /** @type {{box: Placed, worth: number}[]} */
  const found = []
  if (last < EDGE) return found
  const mark = shortOne(own)
  if (mark) {
    for (const [at, left] of [mark.right + BESIDE, mark.left - BESIDE - width].entries()) {
      const top = (mark.top + mark.bottom - size.height) / 2
      if (left < EDGE || left > last || top < EDGE || top + size.height > room.height - EDGE) continue
      const box = {left, top, width, height: size.height, at, isAbove: false}
      const free = Math.min(...[...behind, ...rest].map((other) => distance(other, left - 1, left + width + APART, top, size.height)))
      if (free >= 0) found.push({box, worth: -at})
    }
    return found
  }
  for (let at = 0; at < TRIES; at += 1) {
    const left = Math.round(EDGE + (last - EDGE) * at / (TRIES - 1))
    const span = extent(own, left, left + width)
    if (!span) continue
    const climb = span.bottom - span.top
    if (climb > STEEPEST * size.height) continue
    const others = [...rest, ...behind.filter((other) => !isHidden(other, own, left, left + width))]
    for (const isAbove of [true, false]) {
      const top = isAbove ? span.top - GAP - size.height : span.bottom + GAP
      if (top < EDGE || top + size.height > room.height - EDGE) continue
      const free = Math.min(ENOUGH, ...others.map((other) => distance(other, left - APART, left + width + APART, top, size.height)))
      const column = left + (width >> 1), middle = top + size.height / 2, away = gap(own, column, middle)
      if (free < APART || others.some((other) => gap(other, column, middle) < CLEARLY * away)) continue
      const box = {left, top, width, height: size.height, at, isAbove}
      const isHeld = held?.at === at && held.isAbove === isAbove
      found.push({box, worth: free + RIGHT * at / TRIES + (isHeld ? HELD : 0) - climb / 2})
    }
  }
  return found.sort((a, b) => b.worth - a.worth)
}

/**
 * @param {Line} line
 * @param {number} width px
 * @returns {Columns} no numbers where the line is not
 */
function columnsOf({x, y}, width) {
  const top = new Float32Array(width).fill(Infinity), bottom = new Float32Array(width).fill(-Infinity)
  /** @param {number} column @param {number} at */
  const mark = (column, at) => {
    top[column] = Math.min(top[column], at)
    bottom[column] = Math.max(bottom[column], at)
  }
  for (let i = 0; i < x.length; i += 1) {
    if (!isFinite(x[i]) || !isFinite(y[i])) continue
    const here = Math.floor(x[i])
    if (here >= 0 && here < width) mark(here, y[i])
    if (i === 0 || !isFinite(x[i - 1]) || !isFinite(y[i - 1])) continue
    const [a, b] = x[i - 1] < x[i] ? [i - 1, i] : [i, i - 1]
    const first = Math.max(Math.ceil(x[a]), 0), past = Math.min(Math.floor(x[b]), width - 1)
    for (let column = first; column <= past; column += 1) {
      const at = x[b] === x[a] ? y[b] : y[a] + (y[b] - y[a]) * (column - x[a]) / (x[b] - x[a])
      mark(column, at)
      if (column > 0) mark(column - 1, at)  // which ends there
    }
  }
  return {top, bottom}
}

/**
 * @param {Columns} columns
 * @returns {{left: number, right: number, top: number, bottom: number} | null} where a line is that is no wider than a mark; null for others
 */
function shortOne({top, bottom}) {
  const first = top.findIndex((at) => at !== Infinity), last = top.length - 1 - [...top].reverse().findIndex((at) => at !== Infinity)
  if (first < 0 || last - first > BESIDE) return null
  return {left: first, right: last, top: top[first], bottom: bottom[first]}
}

/**
 * @param {Columns} columns
 * @param {number} from
 * @param {number} to
 * @returns {{top: number, bottom: number} | null} null where the line is not there all along
 */
function extent({top, bottom}, from, to) {
  let high = Infinity, low = -Infinity
  for (let i = from; i < to; i += 1) {
    if (top[i] === Infinity) return null
    high = Math.min(high, top[i])
    low = Math.max(low, bottom[i])
  }
  return {top: high, bottom: low}
}

/**
 * @param {Columns} columns
 * @param {number} column
 * @param {number} at
 * @returns {number} px between a place and the line above or below it
 */
function gap({top, bottom}, column, at) {
  return Math.max(top[column] - at, at - bottom[column], 0)
}

/**
 * @param {Columns} behind
 * @param {Columns} front
 * @param {number} from
 * @param {number} to
 * @returns {boolean} whether one line covers the other one all along
 */
function isHidden(behind, front, from, to) {
  let isThere = false
  for (let i = from; i < to; i += 1) {
    if (behind.top[i] === Infinity) continue
    isThere = true
    if (!(Math.abs(behind.top[i] - front.top[i]) <= SAME && Math.abs(behind.bottom[i] - front.bottom[i]) <= SAME)) return false
  }
  return isThere
}

/**
 * @param {Columns} columns
 * @param {number} from
 * @param {number} to
 * @param {number} top of a box
 * @param {number} height of it
 * @returns {number} px between the box and what lies above or below it; below 0 where it lies in it
 */
function distance({top: tops, bottom: bottoms}, from, to, top, height) {
  let least = Infinity
  for (let i = Math.max(from, 0); i < Math.min(to, tops.length); i += 1)
    if (tops[i] !== Infinity) least = Math.min(least, Math.max(tops[i] - (top + height), top - bottoms[i]))
  return least
}

/** @param {Box} one @param {Box} two */
function meet(one, two) {
  return one.left < two.left + two.width + APART && two.left < one.left + one.width + APART &&
    one.top < two.top + two.height + APART && two.top < one.top + one.height + APART
}
