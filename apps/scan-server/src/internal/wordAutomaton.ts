/**
 * Aho and Corasick's automaton: finds all words of a set in one pass over a text, in any case, however many words there are.
 *
 * @see https://doi.org/10.1145/360825.360855
 */

/** Told of each occurrence: which word, and where in the text it ends. */
export type OnWord = (word: number, end: number) => void

export interface WordAutomaton {
  readonly scan: (text: string, onWord: OnWord) => void
}

/** Words of ASCII, none empty; case does not count. */
export const make = (words: ReadonlyArray<string>): WordAutomaton => {
  // Characters that no word has are all one class.
  const classOf = new Uint8Array(128)
  let classes = 1
  const small = words.map((word) => word.toLowerCase())
  for (const character of new Set(small.join(""))) {
    classOf[character.charCodeAt(0)] = classes
    classOf[character.toUpperCase().charCodeAt(0)] = classes
    classes++
  }
  const states = 1 + small.reduce((sum, { length }) => sum + length, 0)
  const next = new Int32Array(states * classes)
  const outputs: Array<ReadonlyArray<number>> = [[]]
  let count = 1
  for (const [index, word] of small.entries()) {
    let state = 0
    for (const character of word) {
      const at = state * classes + (classOf[character.charCodeAt(0)] ?? 0)
      if (next[at] === 0) {
        next[at] = count
        outputs[count++] = []
      }
      state = next[at] ?? 0
    }
    outputs[state] = [...outputs[state] ?? [], index]
  }
  // Breadth first, each state goes on where the longest word that its own end begins would go on.
  const fallback = new Int32Array(states)
  const queue: Array<number> = []
  for (let c = 0; c < classes; c++) if (next[c] !== 0) queue.push(next[c] ?? 0)
  for (const state of queue) {
    const back = fallback[state] ?? 0
    outputs[state] = [...outputs[state] ?? [], ...outputs[back] ?? []]
    for (let c = 0; c < classes; c++) {
      const to = next[state * classes + c] ?? 0
      const instead = next[back * classes + c] ?? 0
      if (to === 0) next[state * classes + c] = instead
      else {
        fallback[to] = instead
        queue.push(to)
      }
    }
  }
  const isEnd = Uint8Array.from(outputs, (words) => words.length > 0 ? 1 : 0)
  return {
    scan: (text, onWord) => {
      let state = 0
      for (let at = 0; at < text.length; at++) {
        const code = text.charCodeAt(at)
        state = next[state * classes + (code < 128 ? classOf[code] ?? 0 : 0)] ?? 0
        if (isEnd[state] === 1) { for (const word of outputs[state] ?? []) onWord(word, at + 1) }
      }
    }
  }
}
