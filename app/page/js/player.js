// The player: play, stop, a place to go to, a region to loop; and the line that moves through the figures.

/** @import {Answer, Message, Part, Store, ToolsContent} from "./types" */

import {button, decode, download, fitInBox, freshId, make} from "./dom.js"
import {drawPlayhead} from "./playhead.js"
import {SLOW_MS} from "./queue.js"
import {soundAlone} from "./store.js"
import {createVoice} from "./voice.js"

// Shortest region that is played over and over, s.
const SHORTEST_S = 0.02

/**
 * @param {Part<ToolsContent>} model
 * @param {(message: Message) => void} ask
 * @param {Store} store
 * @returns {{player: HTMLElement, status: HTMLElement, hear: (key: string) => void}}
 */
export function playerFor(model, ask, store) {
  const status = make("span", {class: "playing", role: "status", title: model.content.levels}, model.content.levels)
  new ResizeObserver(() => fitInBox(status)).observe(status)
  /** @param {string} text what is heard */
  const tell = (text) => {
    status.textContent = text
    fitInBox(status)
  }
  let key = ""
  const voice = createVoice(() => draw())
  const silence = () => { if (voice.isPlaying()) voice.pause() }
  // Named apart from what stops and pauses a training or a film.
  const start = button({class: "play", disabled: true, "aria-label": "Play the sound", onclick: () => {
    goesOn = !voice.isPlaying()
    if (goesOn) void voice.play()
    else voice.pause()
  }}, "Play")
  const stop = button({disabled: true, "aria-label": "Stop the sound", onclick: () => {
    goesOn = false
    at = voice.looped()?.from ?? 0
    voice.pause()
    voice.seek(at)
  }}, "Stop")
  const place = make("input", {type: "range", min: "0", max: "1", step: "any", value: "0", disabled: true,
    "aria-label": "Place in the sound"})
  place.addEventListener("input", () => voice.seek(Number(place.value)))
  const time = make("span", {class: "time"}, "–")
  const id = freshId("loop")
  const loops = make("input", {type: "checkbox", id, disabled: true})
  const [from, to] = ["Loop from, seconds", "Loop to, seconds"].map((name) =>
    make("input", {type: "number", min: "0", step: "0.01", class: "edge", "aria-label": name, disabled: true}))
  const loop = make("span", {class: "loop", title: "Loop a region: drag over a time axis with Shift held"},
    loops, make("label", {for: id}, "Loop"), from, "to", to, "s")
  const player = make("div", {class: "player", role: "group", "aria-label": "Player"}, start, stop, place, time, loop)
  const inputs = [start, stop, place, loops, from, to]
  // One press changes the ear, and goes on where the sound is.
  let isOther = false
  const hasOther = () => (store.values["hl.audiogram"] ?? "normal") !== "normal"
  const ear = button({class: "ear", hidden: true, "aria-pressed": "false",
    title: "Hear sounds with the ear of the audiogram; press again for a normal ear", onclick: () => {
      isOther = !isOther
      showEar()
      if (!wanted) return
      if (isPending) request(at, goesOn)
      else request(voice.place(), voice.isPlaying())
    }}, "With this ear")
  const showEar = () => {
    ear.hidden = !hasOther()
    if (ear.hidden) isOther = false
    ear.setAttribute("aria-pressed", String(isOther))
  }
  stop.after(ear)
  store.watchers.add(showEar)
  showEar()

  const setLoop = () => {
    const first = Math.min(Math.max(Number(from.value) || 0, 0), voice.duration() - SHORTEST_S)
    const wanted = Number(to.value) || voice.duration()
    const last = Math.min(Math.max(wanted, first + SHORTEST_S), voice.duration())
    voice.loop(loops.checked ? {from: Math.max(first, 0), to: last} : null)
  }
  for (const input of [loops, from, to]) input.addEventListener("change", setLoop)
  const head = drawPlayhead(store, {
    key: () => key,
    place: voice.place,
    looped: voice.looped,
    select(region) {
      if (!voice.duration()) return
      loops.checked = true
      from.value = region.from.toFixed(3)
      to.value = region.to.toFixed(3)
      setLoop()
    },
  })
  const showPlace = () => {
    const at = voice.place()
    if (/** @type {ShadowRoot | Document} */ (place.getRootNode()).activeElement !== place || voice.isPlaying())
      place.value = String(at)
    time.textContent = `${at.toFixed(2)} of ${voice.duration().toFixed(2)} s`
    head.move()
  }
  const follow = () => {
    showPlace()
    if (voice.isPlaying()) requestAnimationFrame(follow)
  }
  let wasPlaying = false
  const draw = () => {
    const is = voice.isPlaying()
    start.textContent = is ? "Pause" : "Play"
    start.setAttribute("aria-label", `${start.textContent} the sound`)
    player.dataset.playing = String(is)
    const region = voice.looped()
    if (region) {
      from.value = region.from.toFixed(2)
      to.value = region.to.toFixed(2)
    }
    if (is && !wasPlaying) soundAlone(store, silence)
    if (is && !wasPlaying) follow()
    else showPlace()
    wasPlaying = is
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let slow
  let wanted = ""
  // Where the sound that was asked for is to begin, s, whether it is then heard, and whether it is still to come.
  let at = 0, goesOn = true, isPending = false
  /** @param {number} from s @param {boolean} plays */
  const request = (from, plays) => {
    at = from
    goesOn = plays
    isPending = true
    clearTimeout(slow)
    slow = setTimeout(() => tell("Making the sound …"), SLOW_MS)
    store.say("")
    ask({type: isOther && hasOther() ? "hear" : "sound", key: wanted})
  }
  /** @param {string} title @param {string} data */
  const take = async (title, data) => {
    if (goesOn && voice.isPlaying()) at = at && voice.place()
    await voice.load(decode(data).buffer)
    isPending = false
    key = wanted
    for (const input of inputs) input.disabled = false
    place.max = String(voice.duration())
    for (const edge of [from, to]) edge.max = voice.duration().toFixed(2)
    tell(title)
    if (loops.checked) setLoop()
    if (!goesOn) voice.seek(at)
    else if (!await voice.play(at)) tell(`${title}: press Play`)
  }
  model.on("msg:custom", (/** @type {Answer} */ answer) => {
    if (answer.type === "sound" || answer.type === "failed") clearTimeout(slow)
    if (answer.type === "sound") void take(answer.title, answer.data)
    if (answer.type === "file") download(answer.name, answer.mime, decode(answer.data))
    if (answer.type === "failed") {
      isPending = false
      tell("")
      store.say(answer.text, true)
    }
  })
  return {player, status, hear: (asked) => {
    wanted = asked
    request(0, true)
  }}
}
