// The section "Live": a network plays in the page while it is trained.

/** @import {LiveNumbers, LiveTools, Scene, Store, ToolsContent} from "./types" */
/** @import {Graph} from "./graph.js" */
/** @import {Ask} from "./tools.js" */

import {CHOICES, FADE_S, levelsFor} from "./mixer.js"
import {button, freshId, make} from "./dom.js"
import {openGraph} from "./graph.js"
import {soundAlone, whenStarted} from "./store.js"
import {unbundled} from "./unpack.js"

const WORKLET = "worklet.js"
// A browser that lets a page play at all says so within this time, ms.
const ALLOWED_WITHIN_MS = 1500
const LONGEST_FILE_S = 120, LARGEST_FILE = 50 * 2 ** 20
const OWN = "own file", MICROPHONE = "microphone"
// Gain of a microphone, whose level nobody knows before; the ceiling holds in any case.
const MICROPHONE_GAIN = 0.5

/**
 * @typedef {object} Playing
 * @property {AudioContext} context
 * @property {Graph | null} graph null until the first numbers are there
 * @property {boolean} opening whether they are, and the graph is being made
 * @property {Float32Array | null} samples what is looped
 */

/**
 * @param {ToolsContent} content
 * @param {LiveTools} tools
 * @param {Ask} ask
 * @param {Store} store
 * @returns {{node: HTMLElement, draw: (content: ToolsContent) => void}}
 */
export function liveSection(content, tools, ask, store) {
  /** @type {Playing | null} */
  let playing = null
  /** What the server has sent. @type {Partial<LiveNumbers>} */
  let numbers = {}
  let {fs} = tools
  let choice = "now", wet = 1, training = false
  /** A file of the visitor's, which stays here. @type {File | null} */
  let file = null
  /** What is sent through the network, where it is none of the server's. @type {string} */
  let own = ""

  const status = make("span", {class: "playing", role: "status"})
  /** @param {string} text a few words on what goes on */
  const say = (text) => { if (status.textContent !== text) status.textContent = text }
  /** @param {string} text */
  const complain = (text) => store.say(text, true)
  const toggle = button({onclick: () => playing ? stop("") : void start(),
    title: "The network plays in this page and follows the training. The level is safe, whatever the network does"}, "")
  const sounds = content.sounds.filter(([key]) => CHOICES.includes(key))
  const choices = sounds.map(([key, label, help]) =>
    button({title: help, "aria-pressed": "false", onclick: () => choose(key)}, label))
  const source = sourceChoice(tools, store, (chosen) => void change(chosen))
  const wetId = freshId("wet")
  const slider = make("input", {type: "range", id: wetId, min: "0", max: "100", step: "1", value: "100", class: "wet",
    title: "0: the sound itself, 100: what network or room make of it, both equally strong"})
  const files = make("input", {type: "file", accept: "audio/*,.wav,.flac,.ogg,.mp3", class: "file", "aria-label":
    "A sound file of yours to play through the network; it stays in this browser"})
  const drop = make("label", {class: "drop own", title: "It stays in this browser"}, "Own sound …", files)
  const node = make("div", {class: "group live", role: "group", "aria-label": "Live"},
    make("span", {class: "label"}, "Live"), toggle,
    make("span", {class: "heard", role: "group", "aria-label": "What is heard live"}, ...choices),
    source.node,
    make("span", {class: "mix"}, make("label", {for: wetId}, "Dry"), slider, make("span", {"aria-hidden": "true"}, "Wet")),
    drop, status)

  const show = () => {
    toggle.textContent = playing ? "■ Stop live" : "▶ Play live"
    toggle.setAttribute("aria-pressed", String(Boolean(playing)))
    sounds.forEach(([key], i) => choices[i].setAttribute("aria-pressed", String(key === choice)))
    slider.style.setProperty("--filled", `${100 * wet}%`)
    slider.setAttribute("aria-valuetext", `${Math.round(100 * wet)} % network or room`)
  }
  /** @param {string} key */
  const choose = (key) => {
    choice = key
    playing?.graph?.set({choice})
    show()
  }
  slider.addEventListener("input", () => {
    wet = Number(slider.value) / 100
    playing?.graph?.set({wet})
    show()
  })

  const start = async () => {
    const Context = globalThis.AudioContext
    if (!Context) {
      complain("This browser cannot play a network: it lacks the Web Audio API.")
      return
    }
    numbers = {}
    const context = new Context({sampleRate: fs, latencyHint: "interactive"})
    /** @type {Playing} */
    const mine = {context, graph: null, opening: false, samples: null}
    playing = mine
    soundAlone(store, silence)
    context.onstatechange = () => {
      if (playing === mine && mine.graph && context.state !== "running")
        complain("The browser has paused the sound. Press Stop live, then Play live.")
    }
    show()
    say("Getting ready …")
    if (!await isAllowed(context)) {
      if (playing === mine) stop("The browser holds sound back. Press Play live again, or allow sound for this page.")
      return
    }
    if (playing === mine) ask({type: "live", on: true})
  }
  const silence = () => { if (playing) stop("") }
  /** @param {string} words @param {boolean} [tell] whether the server can be told */
  const stop = (words, tell = true) => {
    const mine = playing
    playing = null
    if (mine) {
      if (tell) ask({type: "live", on: false})
      mine.graph?.set({open: false})
      mine.graph?.end()
      setTimeout(() => void mine.context.close(), 2000 * FADE_S)
    }
    say("")
    if (words) complain(words)
    show()
  }

  /** Play what was chosen, at its level. @param {Playing} mine @param {Graph} graph */
  const playSource = async (mine, graph) => {
    if (!numbers.response) return
    if (own === MICROPHONE) {
      if (!navigator.mediaDevices) throw new DOMException("no https", "SecurityError")
      const stream = await navigator.mediaDevices.getUserMedia(
        {audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}})
      if (playing !== mine || own !== MICROPHONE) {
        for (const track of stream.getTracks()) track.stop()
        return
      }
      mine.samples = null
      graph.listen(stream)
      store.say("Wear headphones: loudspeakers would feed back.")
      setLevels(mine, graph)
      return
    }
    const samples = own === OWN && file ? await decoded(file, mine.context) : numbers.sound?.samples
    if (playing !== mine || !samples?.length) return
    mine.samples = samples
    graph.play(samples)
    setLevels(mine, graph)
  }
  /** @param {Playing} mine @param {Graph} graph */
  const setLevels = ({samples}, graph) => {
    if (!numbers.response) return
    const {sound, network} = samples ? levelsFor(samples, numbers.response)
      : {sound: MICROPHONE_GAIN, network: 1 / Math.sqrt(numbers.response.energy)}
    graph.set({gain: network})
    graph.setGain(sound)
  }
  /** @param {string} chosen */
  const change = async (chosen) => {
    const before = own
    own = chosen === OWN || chosen === MICROPHONE ? chosen : ""
    if (!own) {
      store.engine?.set(tools.source.key, chosen)
      if (!before) return  // the sound comes with the server's answer
    }
    if (!playing?.graph) return
    try {
      await playSource(playing, playing.graph)
    } catch (problem) {
      own = before
      source.show(own)
      complain(reason(problem, chosen))
    }
  }
  const playingWords = () => choice === "now" && training ? "Playing; it follows the training." : "Playing, looped."
  /** @param {File | undefined} chosen */
  const take = async (chosen) => {
    if (!chosen) return
    if (chosen.size > LARGEST_FILE) {
      complain(`${chosen.name} has ${(chosen.size / 2 ** 20).toFixed(0)} MB; give a file of at most 50 MB.`)
      return
    }
    const context = playing?.context ?? new OfflineAudioContext(1, 1, fs)
    try {
      await decoded(chosen, context)
    } catch (problem) {
      complain(reason(problem, chosen.name))
      return
    }
    file = chosen
    source.add(OWN, `${chosen.name} (stays here)`)
    source.show(OWN)
    store.say(`${chosen.name} is ready; it stays in this browser, until the page is loaded anew.`)
    await change(OWN)
  }
  files.addEventListener("change", () => {
    void take(files.files?.[0])
    files.value = ""
  })
  // A sound that is dropped here is played; dropped elsewhere it is the lab's.
  node.addEventListener("dragover", (event) => {
    event.preventDefault()
    event.stopPropagation()
  })
  node.addEventListener("drop", (event) => {
    event.preventDefault()
    event.stopPropagation()
    void take(event.dataTransfer?.files[0])
  })

  /** Open the graph when all numbers are there, or hand on what has changed. @param {Partial<LiveNumbers>} fresh */
  const follow = async (fresh) => {
    const mine = playing
    if (!mine) return
    const {start, now, room} = numbers
    if (!start || !now || !room) return
    if (mine.graph) {
      if (fresh.start || fresh.now) mine.graph.set({networks: {...(fresh.start && {start}), ...(fresh.now && {now})}})
      if (fresh.room) mine.graph.setRoom(room.samples)
      if (fresh.sound && !own) await playSource(mine, mine.graph)
      else if (fresh.response) setLevels(mine, mine.graph)
      return
    }
    if (mine.opening) return
    mine.opening = true
    const settings = {networks: {start, now}, choice, wet, open: true}
    const graph = await openGraph(mine.context, WORKLET, settings, (overflowed) => {
      if (overflowed) complain("The network does not decay and was stopped. It plays again when its numbers change.")
    })
    if (playing !== mine) return
    mine.graph = graph
    graph.set({networks: {start: numbers.start ?? start, now: numbers.now ?? now}})  // they may have changed meanwhile
    graph.setRoom((numbers.room ?? room).samples)
    await playSource(mine, graph)
    say(playingWords())
    if (!isSecureContext) store.say("Without https the page itself computes the sound, which may stutter.")
  }
  store.receivers.live = (scene) => {
    if (!playing) {  // it was stopped while nobody could be told
      ask({type: "live", on: false})
      return
    }
    const fresh = received(scene)
    numbers = {...numbers, ...fresh}
    follow(fresh).catch((problem) => stop(reason(problem, "")))
  }
  store.receivers.lost = () => { if (playing) stop("The sound was stopped: the connection to the server is lost.", false) }
  window.addEventListener("pagehide", () => stop("", false))

  show()
  return {node, draw: ({silent, live, work}) => {
    training = Boolean(work?.running)
    if (playing?.graph) say(playingWords())
    sounds.forEach(([key], i) => { choices[i].hidden = silent.includes(key) })
    if (silent.includes(choice)) choose("now")
    if (!live || live.fs === fs) return
    fs = live.fs
    if (playing) {  // a context has one rate for good
      stop("")
      void start()
    }
  }}
}

/**
 * @param {Scene} scene
 * @returns {Partial<LiveNumbers>} networks, room and sound, as far as they have changed
 */
function received(scene) {
  const kinds = {uint8: Uint8Array, int32: Int32Array, float32: Float32Array, float64: Float64Array}
  return /** @type {Partial<LiveNumbers>} */ (unbundled(scene, (bytes, {dtype}) =>
    new kinds[dtype](/** @type {ArrayBuffer} */ (bytes))).data)
}

/**
 * @param {AudioContext} context
 * @returns {Promise<boolean>} whether the browser lets the page play
 */
async function isAllowed(context) {
  const waited = new Promise((resolve) => setTimeout(resolve, ALLOWED_WITHIN_MS))
  await Promise.race([context.resume().catch(() => {}), waited])
  return context.state === "running"
}

/**
 * @param {File} file
 * @param {BaseAudioContext} context
 * @returns {Promise<Float32Array<ArrayBuffer>>} the mean of its channels at the context's rate, at most two minutes
 */
async function decoded(file, context) {
  const buffer = await context.decodeAudioData(await file.arrayBuffer())
  const mean = new Float32Array(Math.min(buffer.length, Math.round(LONGEST_FILE_S * buffer.sampleRate)))
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const samples = buffer.getChannelData(channel)
    for (let t = 0; t < mean.length; t += 1) mean[t] += samples[t] / buffer.numberOfChannels
  }
  if (!mean.some((sample) => sample !== 0)) throw new RangeError("silent")
  return mean
}

/**
 * @param {unknown} problem
 * @param {string} what
 * @returns {string} why there is no sound, and what to do
 */
function reason(problem, what) {
  const name = problem instanceof Error || problem instanceof DOMException ? problem.name : ""
  if (name === "NotAllowedError") return "The browser does not let this page use the microphone: allow it beside the address."
  if (name === "SecurityError") return "Browsers allow a microphone to pages from https, or from this machine, alone."
  if (name === "NotFoundError") return "This device has no microphone."
  if (name === "EncodingError") return `${what} is no sound file that this browser can read: give WAV, FLAC, OGG or MP3.`
  if (name === "RangeError") return `${what} is silent: give another file.`
  return `The sound could not be played (${problem}). Load the page anew.`
}

/**
 * @param {LiveTools} tools
 * @param {Store} store
 * @param {(chosen: string) => void} change
 * @returns {{node: HTMLElement, add: (value: string, label: string) => void, show: (value: string) => void}}
 */
function sourceChoice({source, microphone}, store, change) {
  const id = freshId("source")
  const select = make("select", {id, title: source.help},
    ...source.options.map(([value, label]) => make("option", {value: String(value)}, label)))
  /** @param {string} value @param {string} label */
  const add = (value, label) => {
    const old = [...select.options].find((option) => option.value === value)
    if (old) old.textContent = label
    else select.append(make("option", {value}, label))
  }
  if (microphone) add(MICROPHONE, "Microphone")
  let own = ""
  /** @param {string} value of an own sound; nothing for what the server's setting says */
  const show = (value) => {
    own = value
    select.value = own || String(store.values[source.key])
  }
  select.addEventListener("change", () => {
    own = [OWN, MICROPHONE].includes(select.value) ? select.value : ""
    change(select.value)
  })
  store.watchers.add((moved) => { if (!own && moved?.has(source.key)) show("") })
  whenStarted(store, () => show(""))
  return {node: make("span", {class: "source"}, make("label", {for: id}, "Sound"), select), add, show}
}
