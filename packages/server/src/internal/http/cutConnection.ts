/** Wraps the platform: ends the connection under a request whose client does not read, which no response can do. */

/** Nothing more is sent. A request that has no connection of its own is left to the server that reads it. */
export const cut = (source: object): void => {
  // A request that was read to its end does not end its socket with itself.
  const connection = "socket" in source && source.socket !== null ? source.socket : source
  if (typeof connection !== "object" || connection === null) return
  if ("destroy" in connection && typeof connection.destroy === "function") connection.destroy()
}
