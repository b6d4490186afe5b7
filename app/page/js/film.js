// Films: curves whose frames travel once and are then played, slowed down, without the server.

/** @import {Document} from "@bokehjs/document" */
/** @import {ColumnDataSource} from "@bokehjs/models/sources/column_data_source" */
/** @import {FilmContent, Frames, Scene, Store} from "./types" */

import {button, make} from "./dom.js"

// What the slider of a film steps through.
const STEPS = 1000

/**
 * @param {Pick<Frames, "packed" | "low" | "high">} frames
 * @param {number} at number of the frame; between two of them the values lie between theirs
 * @returns {Float32Array<ArrayBuffer>}
 */
export function frameAt({packed, low, high}, at) {
  const [count, width] = packed.shape
  const first = Math.min(Math.max(Math.floor(at), 0), count - 1)
  const next = Math.min(first + 1, count - 1)
  const share = Math.min(Math.max(at - first, 0), 1), step = (high - low) / 255
  return Float32Array.from({length: width}, (_, i) =>
    low + step * ((1 - share) * packed[first * width + i] + share * packed[next * width + i]))
}

/**
 * Offer a film: what shows it, plays it, and moves through it.
 * @param {Document} document
 * @param {FilmContent} film
 * @param {HTMLElement} bar of the films, below the figures
 * @param {Store} store
 * @returns {{take: (films: NonNullable<Scene["films"]>) => void}} takes the frames of a scene, if it has new ones
 */
export function projector(document, {source, called, switch: [key, on, off], slower}, bar, store) {
  const curve = /** @type {ColumnDataSource} */ (document.get_model_by_name(`${source}-data`))
  const window_ = /** @type {Window} */ (bar.ownerDocument.defaultView)
  /** @type {Frames | null} */
  let frames = null
  // Where the film is, a share of its length; what is asked for when it is played; when the last frame was drawn.
  let at = 0.5, isPlaying = false, isWanted = false, last = 0

  const shows = button({onclick: () => {
    const isShown = store.values[key] === on
    isWanted = !isShown && !window_.matchMedia("(prefers-reduced-motion: reduce)").matches
    store.engine?.set(key, isShown ? off : on)
  }}, called)
  const plays = button({onclick: () => play(!isPlaying)})
  const scrub = make("input", {
    type: "range", min: "0", max: String(STEPS), step: "1", "aria-label": `Moment of the ${called.toLowerCase()}`,
  })
  const speed = make("select", {"aria-label": "Speed"},
    ...slower.map((each) => make("option", {value: String(each)}, `${each} times slower`)))
  const time = make("span", {class: "moment"})
  const player = make("span", {class: "film-player"}, plays, scrub, time, speed)
  bar.append(make("div", {role: "group", "aria-label": called}, shows, player))

  const draw = () => {
    if (!frames) return
    const moment = at * (frames.packed.shape[0] - 1)
    curve.data = {...curve.data, [frames.column]: frameAt(frames, moment)}
    const text = `${((frames.start + moment * frames.step) * 1000).toFixed(1)} ms`
    time.textContent = text
    scrub.value = String(Math.round(at * STEPS))
    scrub.setAttribute("aria-valuetext", text)
    scrub.style.setProperty("--filled", `${100 * at}%`)
  }
  /** @param {number} now ms */
  const next = (now) => {
    if (!isPlaying || !frames) return
    const length = (frames.packed.shape[0] - 1) * frames.step * 1000 * Number(speed.value)  // ms on the screen
    at = (at + (now - last) / length) % 1
    last = now
    draw()
    window_.requestAnimationFrame(next)
  }
  /** @param {boolean} is */
  const play = (is) => {
    isPlaying = is
    plays.textContent = is ? "Pause" : "▶ Play"
    if (!is) return
    last = window_.performance.now()
    window_.requestAnimationFrame(next)
  }
  scrub.addEventListener("input", () => {
    play(false)
    at = Number(scrub.value) / STEPS
    draw()
  })
  const begin = () => {
    if (!isWanted || !frames) return
    isWanted = false
    at = 0
    play(true)
  }
  const refresh = () => {
    const isShown = store.values[key] === on
    shows.setAttribute("aria-pressed", String(isShown))
    player.hidden = !isShown
    player.parentElement?.classList.toggle("shown", isShown)
    if (isShown) begin()
    else play(false)
  }
  store.watchers.add(refresh)
  play(false)
  refresh()
  return {take: (films) => {
    if (!films[source]) return
    frames = films[source]
    draw()
    begin()
  }}
}
