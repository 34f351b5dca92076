/** The table of a release: a row for each check, with its time, printed as it ends. */

/** What a check says when it is content. Words in `said` are no verdict: they tell how it is. */
export type Words = string | { readonly said: string }

/** Throws what is wrong, in words. */
export type Check = () => Words | Promise<Words>

export class Rows {
  readonly #width: number
  passed = 0
  failed = 0
  said = 0

  /** `width`: of the longest name. */
  constructor(width: number) {
    this.#width = width
    console.log(`${"CHECK".padEnd(width)}  RESULT     TIME  DETAIL`)
  }

  async row(name: string, check: Check): Promise<boolean> {
    const began = performance.now()
    const print = (result: string, detail: string): void => {
      const seconds = `${((performance.now() - began) / 1000).toFixed(1)} s`
      const [first = "", ...more] = detail.trim().split("\n")
      console.log(`${name.padEnd(this.#width)}  ${result.padEnd(6)}  ${seconds.padStart(7)}  ${first}`.trimEnd())
      for (const line of more.slice(0, 40)) console.log(`    ${line}`)
    }
    try {
      const words = await check()
      if (typeof words === "string") {
        this.passed++
        print("passed", words)
      } else {
        this.said++
        print("said", words.said)
      }
      return true
    } catch (error) {
      this.failed++
      print("FAILED", error instanceof Error ? error.message : String(error))
      return false
    }
  }
}

/** Fails with all that is wrong, one on a line. */
export const mustBeNone = (problems: ReadonlyArray<string>, content: string): string => {
  if (problems.length > 0) throw new Error(`${problems.length} to be put right\n${problems.join("\n")}`)
  return content
}
