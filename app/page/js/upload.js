// The box that takes a sound file; the file travels in pieces, the next one when the server has the last. The browser
// keeps it for a day, and sends it again when the page has been loaded anew.

/** @import {Answer, ControlsContent, Part, Store, UploadBox} from "./types" */

import {button, freshId, make} from "./dom.js"
import {forgetFile, keepFile, keptFile} from "./kept.js"

const CHUNK = 512 * 1024

/**
 * @param {Part<ControlsContent>} model
 * @param {UploadBox} limits
 * @param {HTMLElement} root
 * @param {Store} store
 * @returns {HTMLElement}
 */
export function uploader(model, limits, root, store) {
  const input = make("input", {type: "file", accept: ".wav,.flac,.ogg,.oga,.mp3,audio/*", class: "file", id: freshId("file")})
  const text = make("span", {}, limits.words)
  const bar = make("progress", {max: 1, value: 0, hidden: true, "aria-label": "Upload"})
  const zone = make("label", {class: "drop", for: input.id}, text, bar, input)
  const problem = make("p", {class: "problem", hidden: true})
  /** @type {{file: File, start: number, id: string} | null} */
  let job = null
  /** @param {string} words */
  const end = (words) => {
    job = null
    bar.hidden = true
    text.textContent = words
  }
  /** @param {string} sentence */
  const fail = (sentence) => {
    end(limits.words)
    problem.textContent = sentence
    problem.hidden = false
    store.say(sentence, true)  // the box may be out of sight: files can be dropped anywhere on the page
  }
  const sendNext = () => {
    if (!job) return
    const {file, start, id} = job
    const stop = Math.min(start + CHUNK, file.size)
    const reader = new FileReader()
    reader.onerror = () => fail(`${file.name} could not be read.`)
    reader.onload = () => {
      if (job?.id !== id) return
      const address = String(reader.result)
      const data = address.slice(address.indexOf(",") + 1)
      model.send_msg({type: "upload", id, name: file.name, size: file.size, start, data})
      job.start = stop
      bar.value = file.size ? stop / file.size : 1
    }
    reader.readAsDataURL(file.slice(start, stop))
  }
  /** @param {File | undefined} file */
  const begin = (file) => {
    if (!file) return
    problem.hidden = true
    store.say("")
    if (file.size > limits.bytes) {
      /** @param {number} bytes */
      const megabytes = (bytes) => (bytes / 1048576).toFixed(0)
      fail(`${file.name} has ${megabytes(file.size)} MB; the limit is ${megabytes(limits.bytes)} MB. Cut or compress it.`)
      return
    }
    job = {file, start: 0, id: freshId("upload")}
    text.textContent = `Reading ${file.name} …`
    bar.hidden = false
    sendNext()
  }
  model.on("msg:custom", (/** @type {Answer} */ answer) => {
    if (!("id" in answer) || job?.id !== answer.id) return
    if (answer.type === "upload-more") sendNext()
    if (answer.type === "upload-done") {
      memory?.taken(job.file)
      end(answer.text)
    }
    if (answer.type === "upload-failed") fail(answer.text)
  })
  input.addEventListener("change", () => {
    begin(input.files?.[0])
    input.value = ""
  })
  takeDrops(limits.page ? window : zone, zone, root, begin)
  const memory = limits.page ? keeper(limits.awaited, begin, store) : null
  return make("div", {class: "upload"}, zone, memory?.node, problem)
}

/**
 * Keep the file that was taken last, and say so beside the box.
 * @param {string | null} awaited name of the file that the page's link goes with, see `UploadBox`
 * @param {(file: File) => void} begin sends a file
 * @param {Store} store
 * @returns {{node: HTMLElement, taken: (file: File) => void}}
 */
function keeper(awaited, begin, store) {
  const lab = location.pathname
  const words = make("span", {})
  /** @type {File | null} */
  let kept = null
  const use = button({onclick: () => { if (kept) begin(kept) }}, "Use it")
  const forget = button({onclick: async () => {
    await forgetFile(lab)
    show(null)
  }}, "Forget it")
  const node = make("p", {class: "kept"}, words, " ", use, " ", forget)
  /** @param {File | null} file @param {boolean} [inUse] */
  const show = (file, inUse = false) => {
    kept = file
    words.textContent = !file ? "Your file stays in this browser for a day, so that a reload of the page finds it."
      : `${file.name} stays in this browser for a day${inUse ? ", so that a reload of the page finds it" : ""}.`
    use.hidden = !file || inUse
    forget.hidden = !file
    store.fileAtRisk = false
  }
  show(null)
  void keptFile(lab).then((found) => {
    if (!found) return
    show(found.file)
    if (awaited === "" || awaited === found.file.name) begin(found.file)
  })
  return {node, taken: async (file) => {
    show(file, true)
    if (await keepFile(lab, file)) return
    show(null)
    store.fileAtRisk = true
    words.textContent = `This browser keeps no files: a reload of the page loses ${file.name}.`
  }}
}

/**
 * @param {Window | HTMLElement} target where a file can be dropped
 * @param {HTMLElement} zone what shows that it can
 * @param {HTMLElement} root
 * @param {(file: File) => void} take
 */
function takeDrops(target, zone, root, take) {
  target.addEventListener("dragover", (event) => {
    if (!(event instanceof DragEvent && event.dataTransfer?.types.includes("Files"))) return
    event.preventDefault()
    zone.classList.add("over")
  })
  target.addEventListener("dragleave", () => zone.classList.remove("over"))
  target.addEventListener("drop", (event) => {
    if (!(event instanceof DragEvent && event.dataTransfer?.files.length && root.isConnected)) return
    event.preventDefault()
    zone.classList.remove("over")
    take(event.dataTransfer.files[0])
  })
}
