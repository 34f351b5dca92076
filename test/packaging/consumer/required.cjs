// A program in CommonJS. Its arguments are the modules that it requires.
for (const specifier of process.argv.slice(2)) require(specifier)
const { openMcp } = require("@holdfast/mcp/promise")

const main = async () => {
  const mcp = await openMcp({ mcpServers: { local: { command: process.execPath, args: ["server.mjs"] } } })
  const { text } = await mcp.call("local__echo", { text: "hello" })
  await mcp.close()
  console.log(text)
}

main()
