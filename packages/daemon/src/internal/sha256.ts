/**
 * HMAC with SHA-256, in plain JavaScript: the name of a file in the catalogue, for a shim that stands beside a host for hours. To load `node:crypto`
 * for this alone would cost it a megabyte, a tenth of all it has.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6234 and https://www.rfc-editor.org/rfc/rfc2104
 */

/** In hexadecimal digits. */
export const hmac = (key: string, text: string): string => {
  const bytes = Buffer.from(key)
  const short = bytes.length > blockBytes ? digest(bytes) : bytes
  const padded = (pad: number): Buffer => {
    const block = Buffer.alloc(blockBytes, pad)
    for (const [index, byte] of short.entries()) block[index] = byte ^ pad
    return block
  }
  const inner = digest(Buffer.concat([padded(0x36), Buffer.from(text)]))
  return digest(Buffer.concat([padded(0x5c), inner])).toString("hex")
}

const blockBytes = 64

const digest = (message: Buffer): Buffer => {
  const padded = Buffer.alloc(Math.ceil((message.length + 9) / blockBytes) * blockBytes)
  message.copy(padded)
  padded[message.length] = 0x80
  padded.writeUIntBE(message.length * 8, padded.length - 6, 6)
  const state = Int32Array.from(initial)
  const words = new Int32Array(64)
  for (let block = 0; block < padded.length; block += blockBytes) mix(state, words, padded, block)
  const result = Buffer.alloc(32)
  for (const [index, word] of state.entries()) result.writeInt32BE(word, index * 4)
  return result
}

/** A hot loop: every index is within its list. */
const mix = (state: Int32Array, words: Int32Array, padded: Buffer, block: number): void => {
  for (let i = 0; i < 16; i++) words[i] = padded.readInt32BE(block + i * 4)
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15]!
    const y = words[i - 2]!
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    words[i] = words[i - 16]! + s0 + words[i - 7]! + s1
  }
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!
  let e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + constants[i]! + words[i]!) | 0
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) state[index] = state[index]! + word
}

/** The first 32 bits of the fraction. */
const fraction = (root: number): number => ((root - Math.floor(root)) * 2 ** 32) | 0

const primes: Array<number> = []
for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n)

const constants = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)))
const initial = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)))
