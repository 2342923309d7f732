/** Lays images out in justified rows: one height a row, aspect ratios kept. */

// Beyond these a tile would be a sliver that nobody can hit: its edges are cut off.
const NARROWEST = 0.3;
const WIDEST = 6;

/** Return how wide an image's tile is for its height. */
export const shape = (image) =>
  Math.min(WIDEST, Math.max(NARROWEST, image.width / image.height));

/**
 * The rows of a grid.
 *
 * A row is `{first, end, top, height}`: which images, and where, in pixels.
 */
export class Rows {
  /**
   * @param {number} width Of the grid, in pixels.
   * @param {number} height That rows should have, in pixels; they have about this.
   * @param {number} gap Between images, in pixels.
   */
  constructor(width, height, gap) {
    this.width = width;
    this.target = height;
    this.gap = gap;
    this.rows = [];
  }

  /** How many images are laid out. */
  get end() {
    return this.rows.at(-1)?.end ?? 0;
  }

  /** How high all rows are together. */
  get height() {
    const last = this.rows.at(-1);
    return last ? last.top + last.height : 0;
  }

  /**
   * Lay out the images that came since the last time.
   *
   * @param {Array} images All of them.
   * @param {boolean} complete Whether these are all: if not, the last few wait for
   *   those that fill their row.
   */
  extend(images, complete) {
    let first = this.end;
    let shapes = 0;
    for (let i = first; i < images.length; i += 1) {
      const with_ = this.#fitting(shapes + shape(images[i]), i + 1 - first);
      if (with_ > this.target) {
        shapes += shape(images[i]);
        continue;
      }
      const without = i > first ? this.#fitting(shapes, i - first) : Infinity;
      if (without / this.target < this.target / with_) {
        this.#push(first, i, without);
        first = i;
        shapes = 0;
        i -= 1; // this image opens the next row
      } else {
        this.#push(first, i + 1, with_);
        first = i + 1;
        shapes = 0;
      }
    }
    if (complete && first < images.length) {
      this.#push(first, images.length, this.target);
    }
  }

  /** Return about how high `count` more images will be. */
  estimate(count) {
    if (count <= 0) return 0;
    const each = this.end
      ? this.height / this.end
      : (1.4 * this.target * (this.target + this.gap)) / this.width;
    return Math.round(count * each);
  }

  /** Return the number of the row at a height; the nearest one if there is none. */
  rowAt(y) {
    return this.#last((row) => row.top <= y);
  }

  /** Return the number of the row that holds an image. */
  rowOf(index) {
    return this.#last((row) => row.first <= index);
  }

  /** Return the place of each image of a row: `{index, left, width}`. */
  boxes(number, images) {
    const { first, end, height } = this.rows[number];
    const boxes = [];
    let left = 0;
    for (let index = first; index < end; index += 1) {
      const next = left + shape(images[index]) * height;
      boxes.push({
        index,
        left: Math.round(left),
        width: Math.round(next) - Math.round(left),
      });
      left = next + this.gap;
    }
    const last = boxes.at(-1);
    const over = last.left + last.width - this.width;
    // What rounding of the height left over goes to the last image, unnoticed.
    if (Math.abs(over) <= 2 * boxes.length) last.width -= over;
    return boxes;
  }

  #fitting(shapes, count) {
    return (this.width - (count - 1) * this.gap) / shapes;
  }

  #push(first, end, height) {
    const top = this.rows.length ? this.height + this.gap : 0;
    this.rows.push({ first, end, top, height });
  }

  #last(holds) {
    let low = 0;
    let high = this.rows.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (holds(this.rows[middle])) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
