// What is pressed in a trial: numbers that light up while their interval sounds, and what stands around them.

/** @import {ListenPage, Told, TrialSound} from "./types" */

import {button, make} from "./dom.js"
import {fetchSound} from "./listen_ask.js"
import {playSound, wake} from "./listen_sound.js"

/** @typedef {{head: string, help: string, intervals: number, repeat: boolean, leave: () => void, leaveLabel?: string}} PadContent */

/**
 * @param {ListenPage} page
 * @param {PadContent} content
 */
export function trialPad(page, {head, help, intervals, repeat, leave, leaveLabel = "Skip"}) {
  const numbers = Array.from({length: intervals}, (_, k) =>
    button({class: "interval", disabled: true, onclick: () => give(k)}, String(k + 1)))
  const line = make("p", {class: "told", role: "status"})
  const progress = make("p", {class: "progress"})
  const again = button({disabled: true, onclick: () => { if (!again.disabled) hear() }}, "Hear it again")
  const pause = button({onclick: () => hold()}, "Pause")
  const stop = button({onclick: () => {
    left = true
    playing?.stop()
    resume?.()
    answered?.(null)
    leave()
  }}, leaveLabel)
  const picture = make("div", {class: "live-track"})
  page.show(
    make("h1", {}, head), help ? make("p", {class: "fine"}, help) : null,
    make("div", {class: "pad", role: "group", "aria-label": "Intervals"}, ...numbers),
    line,
    make("p", {class: "row under"}, progress, repeat ? again : null, pause, stop),
    picture)
  for (let k = 0; k < intervals; k += 1) page.keys[String(k + 1)] = () => give(k)
  page.keys[" "] = () => hold()

  let left = false
  let held = false
  /** @type {(() => void) | null} */
  let resume = null
  /** @type {ReturnType<typeof playSound> | null} */
  let playing = null
  /** @type {((answer: {interval: number, after: number} | null) => void) | null} */
  let answered = null
  let since = 0
  /** @type {() => void} */
  let hear = () => {}
  const state = (/** @type {string} */ is) => { page.main.dataset.state = is }

  const give = (/** @type {number} */ k) => {
    if (!answered || numbers[k].disabled) return
    const take = answered
    answered = null
    take({interval: k, after: (performance.now() - since) / 1000})
  }
  const enable = (/** @type {boolean} */ is) => {
    for (const each of numbers) each.disabled = !is
    again.disabled = !is
  }
  const waits = () => {
    enable(true)
    line.textContent = "Which one?"
    since = performance.now()
    state("waiting")
  }
  const hold = () => {
    held = !held
    pause.textContent = held ? "Continue" : "Pause"
    if (held) {
      state("paused")
      line.textContent = "Paused. Press Continue, or the space bar."
      enable(false)
      playing?.stop()
    } else if (answered) waits()
    else resume?.()
  }
  page.hidden = () => { if (!held) hold() }
  const whenGoing = async () => {
    while (held && !left)
      await new Promise((/** @type {(go: void) => void} */ resolve) => { resume = () => resolve() })
    resume = null
  }

  /** @type {{number: number, sound: Promise<TrialSound>} | null} */
  let ahead = null
  return {
    picture,
    /** Fetch the sound of a trial while the last answer is commented on. @param {string} run @param {number} number */
    prepare(run, number) {
      ahead = {number, sound: fetchSound({run, number})}
      ahead.sound.catch(() => {})  // who awaits it hears of it
    },
    /** Show how far the run is. @param {string} text */
    progress(text) {
      progress.textContent = text
    },
    /**
     * Let a trial be heard and answered.
     * @param {string} run
     * @param {number} number
     * @param {string} far
     * @returns {Promise<{interval: number, after: number} | null>} null where the screen was left
     */
    async trial(run, number, far) {
      progress.textContent = far
      page.main.dataset.trial = String(number)
      const sound = await (ahead?.number === number ? ahead.sound : fetchSound({run, number}))
      ahead = null
      for (const each of numbers) each.className = "interval"
      for (;;) {
        await whenGoing()
        if (left) return null
        enable(false)
        line.textContent = "Listen …"
        state("playing")
        wake(sound.fs)
        playing = playSound(sound, (lit) => numbers.forEach((each, k) => each.classList.toggle("lit", k === lit)))
        const whole = await playing.done
        playing = null
        if (left) return null
        if (!whole || held) continue  // paused: it is heard again
        waits()
        const answer = await new Promise((/** @type {(found: {interval: number, after: number} | null | "again") => void} */ resolve) => {
          answered = resolve
          hear = () => resolve("again")
        })
        answered = null
        if (answer === "again") continue
        enable(false)
        if (answer) numbers[answer.interval].classList.add("chosen")
        state("answered")
        return answer
      }
    },
    /**
     * @param {Told} told
     * @param {number} chosen
     */
    async tell({right, target}, chosen) {
      if (right === undefined || target === undefined) {
        line.textContent = "Answered."
        await new Promise((resolve) => setTimeout(resolve, 250))
        return
      }
      numbers[target].classList.add("was")
      if (!right) numbers[chosen].classList.add("wrong")
      line.textContent = right ? "Right." : `Wrong: it was ${target + 1}.`
      await new Promise((resolve) => setTimeout(resolve, right ? 600 : 1100))
    },
    /** @returns {boolean} */
    isLeft: () => left,
  }
}
