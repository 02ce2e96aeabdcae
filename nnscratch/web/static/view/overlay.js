// The 28 x 28 pixels that a network reads, laid over the drawing that they were made of.

export const clearOverlay = ({ overlay }) => overlay.getContext('2d').clearRect(0, 0, overlay.width, overlay.height);

export function showOnPad(context) {
  clearOverlay(context);
}
