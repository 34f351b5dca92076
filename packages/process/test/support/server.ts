/**
 * A server of chosen manners, run as a child process. The first argument is a comma-separated list of them; each sign of life
 * and each signal is a line on stdout and stderr, so that a test can wait for it.
 *
 *   ignore-eof    goes on when stdin ends
 *   ignore-term   notes TERM and goes on
 *   note-term     notes TERM and dies of it
 *   flush-on-eof  answers the end of stdin with 10 MiB on stdout, then exits with 0
 */
import process from "node:process"

const manners = new Set((process.argv[2] ?? "").split(","))

if (manners.has("ignore-term")) process.on("SIGTERM", () => process.stderr.write("TERM\n"))
if (manners.has("note-term")) {
  process.on("SIGTERM", () => {
    process.stderr.write("TERM\n")
    process.exit(143)
  })
}
// Nobody may be there any more to read what it says: that must not end a server which is to be stubborn.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
const lifeline = setInterval(() => {}, 60_000)
process.stdin.on("end", () => {
  process.stderr.write("EOF\n")
  if (manners.has("ignore-eof")) return
  clearInterval(lifeline)
  if (manners.has("flush-on-eof")) process.stdout.write(new Uint8Array(10 * 1024 * 1024).fill(0x2e))
})
process.stdin.resume()
process.stdout.write(`ready ${process.pid}\n`)
