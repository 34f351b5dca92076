/**
 * Which version this program is, and which of two is newer: between programs of different versions only the newer one's daemon stays.
 */
import { version } from "./version.ts"

/** That of the package. Tests say another one by `HOLDFAST_DAEMON_VERSION`. */
export const ownVersion = (environment: Readonly<Record<string, string | undefined>>): string =>
  environment["HOLDFAST_DAEMON_VERSION"] || version

/** As semver.org has it: a release is newer than what came before it under the same number. What is no version is newer than nothing. */
export const isNewer = (left: string, right: string): boolean => {
  const [a, b] = [partsOf(left), partsOf(right)]
  if (a === undefined || b === undefined) return false
  for (const [index, number] of a.numbers.entries()) {
    const other = b.numbers[index] ?? 0
    if (number !== other) return number > other
  }
  if (a.before.length === 0 || b.before.length === 0) return a.before.length === 0 && b.before.length > 0
  for (const [index, word] of a.before.entries()) {
    const other = b.before[index]
    if (other === undefined) return true
    if (word !== other) return isWordNewer(word, other)
  }
  return false
}

const isWordNewer = (word: string, other: string): boolean => {
  const [isNumber, isOtherNumber] = [/^\d+$/.test(word), /^\d+$/.test(other)]
  if (isNumber && isOtherNumber) return Number(word) > Number(other)
  return isNumber === isOtherNumber ? word > other : isOtherNumber
}

interface Parts {
  readonly numbers: ReadonlyArray<number>
  readonly before: ReadonlyArray<string>
}

const partsOf = (version: string): Parts | undefined => {
  const [, numbers, before] = /^v?(\d+\.\d+\.\d+)(?:-([\w.-]+))?(?:\+.*)?$/.exec(version) ?? []
  return numbers === undefined
    ? undefined
    : { numbers: numbers.split(".").map(Number), before: before?.split(".") ?? [] }
}
