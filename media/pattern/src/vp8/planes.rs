/// The width and height of a macroblock, in pixels of luma.
pub(crate) const MACROBLOCK: usize = 16;

/// One component of a picture, its sides rounded up to whole macroblocks.
#[derive(Clone, Debug)]
pub(crate) struct Plane {
    width: usize,
    pixels: Vec<u8>,
}

impl Plane {
    fn new(width: usize, height: usize, value: u8) -> Self {
        Self { width, pixels: vec![value; width * height] }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn height(&self) -> usize {
        self.pixels.len() / self.width
    }

    pub(crate) fn row(&self, y: usize) -> &[u8] {
        &self.pixels[y * self.width..][..self.width]
    }

    pub(crate) fn row_mut(&mut self, y: usize) -> &mut [u8] {
        &mut self.pixels[y * self.width..][..self.width]
    }

    /// Sets all pixels of a rectangle, as far as they are in the plane.
    pub(crate) fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, value: u8) {
        let right = (left + width).min(self.width);
        for y in top..(top + height).min(self.height()) {
            self.row_mut(y)[left.min(right)..right].fill(value);
        }
    }

    /// The square of `side` pixels at `left`, `top`, which is within the plane.
    pub(super) fn block<const SIDE: usize>(&self, left: usize, top: usize) -> [[u8; SIDE]; SIDE] {
        std::array::from_fn(|y| std::array::from_fn(|x| self.row(top + y)[left + x]))
    }

    /// Puts a square at `left`, `top`, which is within the plane.
    pub(super) fn put_block<const SIDE: usize>(
        &mut self,
        left: usize,
        top: usize,
        block: &[[u8; SIDE]; SIDE],
    ) {
        for (y, row) in block.iter().enumerate() {
            self.row_mut(top + y)[left..left + SIDE].copy_from_slice(row);
        }
    }
}

/// A picture in YCbCr, with a quarter as many pixels of colour as of luma.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// Luma.
    pub(crate) y: Plane,
    /// Blue-difference chroma.
    pub(crate) u: Plane,
    /// Red-difference chroma.
    pub(crate) v: Plane,
}

impl Picture {
    /// A grey picture of so many macroblocks.
    pub(crate) fn new(columns: usize, rows: usize) -> Self {
        let (width, height) = (columns * MACROBLOCK, rows * MACROBLOCK);
        Self {
            y: Plane::new(width, height, 128),
            u: Plane::new(width / 2, height / 2, 128),
            v: Plane::new(width / 2, height / 2, 128),
        }
    }

    /// Its width in macroblocks.
    pub(crate) fn columns(&self) -> usize {
        self.y.width() / MACROBLOCK
    }

    /// Its height in macroblocks.
    pub(crate) fn rows(&self) -> usize {
        self.y.height() / MACROBLOCK
    }

    /// One macroblock.
    pub(super) fn macroblock(&self, column: usize, row: usize) -> Pixels {
        let (left, top) = (column * MACROBLOCK, row * MACROBLOCK);
        Pixels {
            y: self.y.block(left, top),
            u: self.u.block(left / 2, top / 2),
            v: self.v.block(left / 2, top / 2),
        }
    }

    /// Puts one macroblock in its place.
    pub(super) fn put_macroblock(&mut self, column: usize, row: usize, pixels: &Pixels) {
        let (left, top) = (column * MACROBLOCK, row * MACROBLOCK);
        self.y.put_block(left, top, &pixels.y);
        self.u.put_block(left / 2, top / 2, &pixels.u);
        self.v.put_block(left / 2, top / 2, &pixels.v);
    }
}

/// The pixels of one macroblock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pixels {
    pub(super) y: [[u8; 16]; 16],
    pub(super) u: [[u8; 8]; 8],
    pub(super) v: [[u8; 8]; 8],
}
