/**
 * A source file with its mutants compiled in, each behind a switch, so that a test process imports its modules once for all of them.
 *
 * Lines keep their numbers unless a mutant's own code has several.
 */
import type { FileMutations, Mutation } from "./Mutation.ts"

/** The name of the global function that says whether a mutant is the one at work. */
export const switchName = "__holdfastMutant"

interface Target {
  readonly start: number
  readonly end: number
  readonly as: Mutation["as"]
  readonly mutants: Array<{ readonly id: number; readonly code: string }>
}

/** `ids`: what the mutants to compile in are called, by their place in the list of the file's mutations. */
export const withMutants = (text: string, file: FileMutations, ids: ReadonlyMap<number, number>): string => {
  const targets = new Map<string, Target>()
  const targetOf = (start: number, end: number, as: Mutation["as"]): Target => {
    const key = `${start} ${end} ${as}`
    const target = targets.get(key) ?? { start, end, as, mutants: [] }
    targets.set(key, target)
    return target
  }
  for (const [index, id] of ids) {
    const mutation = file.mutations[index]
    if (mutation === undefined) throw new Error(`there is no mutant ${index}`)
    targetOf(mutation.start, mutation.end, mutation.as).mutants.push({ id, code: mutation.code })
    // A statement that begins with a bracket would carry on the line above.
    for (const [start, end] of file.statements) {
      if (start <= mutation.start && mutation.end <= end) targetOf(start, end, "statement")
    }
  }
  // Outer ones first; around the same code, the statement is the outer one.
  const sorted = [...targets.values()].toSorted((left, right) =>
    left.start - right.start || right.end - left.end ||
    Number(right.as === "statement") - Number(left.as === "statement")
  )
  let next = 0
  const render = (start: number, end: number): string => {
    let at = start
    let out = ""
    for (let target = sorted[next]; target !== undefined && target.start <= end; target = sorted[next]) {
      if (target.end > end) break
      next++
      out += text.slice(at, target.start) + around(target, render(target.start, target.end))
      at = target.end
    }
    return out + text.slice(at, end)
  }
  return render(0, text.length)
}

const around = ({ as, mutants }: Target, inner: string): string => {
  const isOn = (id: number) => `${switchName}(${id})`
  switch (as) {
    case "expression":
      return `(${mutants.map(({ code, id }) => `${isOn(id)} ? (${code}) : `).join("")}(${inner}))`
    case "statement":
      return mutants.length === 0
        ? `{ ${inner} }`
        : `{ if (!${mutants.map(({ id }) => isOn(id)).join(" && !")}) { ${inner} } }`
    case "return":
      return mutants.map(({ id }) => ` if (${isOn(id)}) return; `).join("") + inner
  }
}
