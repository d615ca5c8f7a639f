;; The product of matrices behind every layer with weights: C += A · B, in 32-bit floats.
;;
;; A (m, k) may lie scattered: its number in row i and column t stands at a + rows[i] + columns[t].
;; With such tables an image is the matrix of all its windows without being copied into one.
;; B (k, n) and C (m, n) are stored row by row. Places and tables count numbers of 4 bytes.
;;
;; C is computed in blocks of 4 rows and 8 columns, which stay in registers while t runs.
;; A block may stick out. Below, it computes the last row again. On the right, its vectors read
;; what stands behind the row, and write only their lanes within it.
;;
;; gemm.wasm is made of this by: python -c "from pathlib import Path; from wasmtime import wat2wasm;
;; Path('gemm.wasm').write_bytes(wat2wasm(Path('gemm.wat').read_text()))"
(module
  (memory (import "engine" "memory") 1)

  (func (export "product")
    (param $a i32) (param $rows i32) (param $m i32) (param $columns i32) (param $k i32)
    (param $b i32) (param $n i32) (param $c i32)
    (local $i i32) (local $j i32) (local $i1 i32) (local $i2 i32) (local $i3 i32)
    (loop $nextColumns
      (local.set $i (i32.const 0))
      (loop $nextRows
        (local.set $i1 (call $least (i32.add (local.get $i) (i32.const 1)) (local.get $m)))
        (local.set $i2 (call $least (i32.add (local.get $i) (i32.const 2)) (local.get $m)))
        (local.set $i3 (call $least (i32.add (local.get $i) (i32.const 3)) (local.get $m)))
        (call $block
          (call $rowOfA (local.get $a) (local.get $rows) (local.get $i))
          (call $rowOfA (local.get $a) (local.get $rows) (local.get $i1))
          (call $rowOfA (local.get $a) (local.get $rows) (local.get $i2))
          (call $rowOfA (local.get $a) (local.get $rows) (local.get $i3))
          (call $bytes (local.get $columns))
          (call $bytes (i32.add (local.get $columns) (local.get $k)))
          (call $bytes (i32.add (local.get $b) (local.get $j)))
          (call $bytes (local.get $n))
          (call $placeInC (local.get $c) (local.get $n) (local.get $i) (local.get $j))
          (call $placeInC (local.get $c) (local.get $n) (local.get $i1) (local.get $j))
          (call $placeInC (local.get $c) (local.get $n) (local.get $i2) (local.get $j))
          (call $placeInC (local.get $c) (local.get $n) (local.get $i3) (local.get $j))
          (i32.sub (local.get $n) (local.get $j)))
        (local.set $i (i32.add (local.get $i) (i32.const 4)))
        (br_if $nextRows (i32.lt_s (local.get $i) (local.get $m))))
      (local.set $j (i32.add (local.get $j) (i32.const 8)))
      (br_if $nextColumns (i32.lt_s (local.get $j) (local.get $n)))))

  (func $bytes (param $place i32) (result i32)
    (i32.shl (local.get $place) (i32.const 2)))

  ;; i, or the last row where there is no row i.
  (func $least (param $i i32) (param $m i32) (result i32)
    (select (local.get $i) (i32.sub (local.get $m) (i32.const 1))
      (i32.lt_s (local.get $i) (local.get $m))))

  (func $rowOfA (param $a i32) (param $rows i32) (param $i i32) (result i32)
    (call $bytes (i32.add (local.get $a)
      (i32.load (call $bytes (i32.add (local.get $rows) (local.get $i)))))))

  (func $placeInC (param $c i32) (param $n i32) (param $i i32) (param $j i32) (result i32)
    (call $bytes (i32.add (local.get $c)
      (i32.add (i32.mul (local.get $i) (local.get $n)) (local.get $j)))))

  ;; One block: rows of A from $a0 to $a3, of C from $c0 to $c3. Here, all places count bytes.
  (func $block
    (param $a0 i32) (param $a1 i32) (param $a2 i32) (param $a3 i32)
    (param $columns i32) (param $end i32) (param $b i32) (param $stride i32)
    (param $c0 i32) (param $c1 i32) (param $c2 i32) (param $c3 i32) (param $lanes i32)
    (local $column i32) (local $x v128) (local $left v128) (local $right v128)
    (local $s00 v128) (local $s10 v128) (local $s20 v128) (local $s30 v128)
    (local $s01 v128) (local $s11 v128) (local $s21 v128) (local $s31 v128)
    (local.set $s00 (v128.load (local.get $c0)))
    (local.set $s10 (v128.load (local.get $c1)))
    (local.set $s20 (v128.load (local.get $c2)))
    (local.set $s30 (v128.load (local.get $c3)))
    (local.set $s01 (v128.load offset=16 (local.get $c0)))
    (local.set $s11 (v128.load offset=16 (local.get $c1)))
    (local.set $s21 (v128.load offset=16 (local.get $c2)))
    (local.set $s31 (v128.load offset=16 (local.get $c3)))
    (loop $next
      (local.set $column (call $bytes (i32.load (local.get $columns))))
      (local.set $left (v128.load (local.get $b)))
      (local.set $right (v128.load offset=16 (local.get $b)))
      (local.set $x (v128.load32_splat (i32.add (local.get $a0) (local.get $column))))
      (local.set $s00 (f32x4.add (local.get $s00) (f32x4.mul (local.get $x) (local.get $left))))
      (local.set $s01 (f32x4.add (local.get $s01) (f32x4.mul (local.get $x) (local.get $right))))
      (local.set $x (v128.load32_splat (i32.add (local.get $a1) (local.get $column))))
      (local.set $s10 (f32x4.add (local.get $s10) (f32x4.mul (local.get $x) (local.get $left))))
      (local.set $s11 (f32x4.add (local.get $s11) (f32x4.mul (local.get $x) (local.get $right))))
      (local.set $x (v128.load32_splat (i32.add (local.get $a2) (local.get $column))))
      (local.set $s20 (f32x4.add (local.get $s20) (f32x4.mul (local.get $x) (local.get $left))))
      (local.set $s21 (f32x4.add (local.get $s21) (f32x4.mul (local.get $x) (local.get $right))))
      (local.set $x (v128.load32_splat (i32.add (local.get $a3) (local.get $column))))
      (local.set $s30 (f32x4.add (local.get $s30) (f32x4.mul (local.get $x) (local.get $left))))
      (local.set $s31 (f32x4.add (local.get $s31) (f32x4.mul (local.get $x) (local.get $right))))
      (local.set $b (i32.add (local.get $b) (local.get $stride)))
      (local.set $columns (i32.add (local.get $columns) (i32.const 4)))
      (br_if $next (i32.lt_u (local.get $columns) (local.get $end))))
    (call $store (local.get $c0) (local.get $s00) (local.get $s01) (local.get $lanes))
    (call $store (local.get $c1) (local.get $s10) (local.get $s11) (local.get $lanes))
    (call $store (local.get $c2) (local.get $s20) (local.get $s21) (local.get $lanes))
    (call $store (local.get $c3) (local.get $s30) (local.get $s31) (local.get $lanes)))

  ;; Writes the first $lanes of eight numbers.
  (func $store (param $to i32) (param $left v128) (param $right v128) (param $lanes i32)
    (if (i32.ge_s (local.get $lanes) (i32.const 4))
      (then
        (v128.store (local.get $to) (local.get $left))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (local.set $left (local.get $right))
        (local.set $lanes (i32.sub (local.get $lanes) (i32.const 4)))))
    (if (i32.ge_s (local.get $lanes) (i32.const 4))
      (then (v128.store (local.get $to) (local.get $left)) (return)))
    (if (i32.gt_s (local.get $lanes) (i32.const 0))
      (then (v128.store32_lane 0 (local.get $to) (local.get $left))))
    (if (i32.gt_s (local.get $lanes) (i32.const 1))
      (then (v128.store32_lane offset=4 1 (local.get $to) (local.get $left))))
    (if (i32.gt_s (local.get $lanes) (i32.const 2))
      (then (v128.store32_lane offset=8 2 (local.get $to) (local.get $left))))))
