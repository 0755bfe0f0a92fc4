/**
 * Lends a group, fills it and asks whether it is that group, all at once.
 *
 * @param {import('./guest.js').Guest} guest
 * @param {number} handle  of a session or a model
 * @param {number} group
 * @param {Uint8Array} bytes  of any length: the wrong one is no group
 * @returns {boolean}
 */
export function checkGroup(guest, handle, group, bytes) {
  const room = guest.lendGroup(handle, group);
  const isAsLong = room.length === bytes.length;
  if (isAsLong) room.set(bytes);
  // Asked in any case: the answer ends the room.
  return guest.checkGroup(handle, group, room.length) && isAsLong;
}
