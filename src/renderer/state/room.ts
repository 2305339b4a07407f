/** The room that the wall has for photos. */
interface Room {
  width: number;
  height: number;
}

/** Keeps `room` as large as the inside of `scroller`; gives what ends that. */
export function followRoom(scroller: Element, room: Room): () => void {
  const observer = new ResizeObserver(([entry]) => {
    if (!entry) return;
    room.width = Math.floor(entry.contentRect.width);
    room.height = entry.contentRect.height;
  });
  observer.observe(scroller);
  return () => observer.disconnect();
}
