#pragma once
// The matrices of Winograd's convolution, and the product of such a constant matrix with a column of packets.
//
//   y = A^T [ (G w) . (B^T x) ]       outputs y from inputs x and 3 weights w, a multiplication a point
//
// F(M,3): M outputs from M + 2 inputs at M + 2 points, by matrices that the compiler makes from the points
// where Cook and Toom's polynomials are evaluated (A. Lavin, S. Gray: Fast Algorithms for Convolutional
// Neural Networks, 2016). A whole row of 3 between zeros: 3 outputs from 3 inputs at 4 points, where F(3,3)
// has 5.
#include <array>
#include <daf/cpu/gemm.hpp>

namespace daf::cpu::winograd {

/// Finite points in the order in which F(M,3) uses them, mirrored pairs side by side; its last point is
/// infinity.
inline constexpr double finite_points[] = {0, 1, -1, 2, -2, 0.5, -0.5};

namespace matrix {

template <int M>
inline constexpr int points = M + 2;

/// B^T: row i holds the coefficients of the product of (t - p) over the finite points p but the i-th.
template <int M>
struct Input {
    static constexpr int rows = points<M>, columns = points<M>;
    static constexpr double at(int row, int column) {
        double coefficients[points<M> + 1] = {1};
        int degree = 0;
        for (int i = 0; i + 1 < points<M>; ++i) {
            if (i == row) continue;
            ++degree;
            for (int d = degree; d >= 0; --d) {
                coefficients[d] = (d > 0 ? coefficients[d - 1] : 0) - finite_points[i] * coefficients[d];
            }
        }
        return coefficients[column];
    }
};

/// G: row i holds 1, p, p^2, over the product of p's distances to the other points.
template <int M>
struct Weight {
    static constexpr int rows = points<M>, columns = 3;
    static constexpr double at(int row, int column) {
        if (row + 1 == points<M>) return column == 2 ? 1 : 0;
        double value = 1;
        for (int i = 0; i + 1 < points<M>; ++i) {
            if (i != row) value /= finite_points[row] - finite_points[i];
        }
        for (int i = 0; i < column; ++i) value *= finite_points[row];
        return value;
    }
};

/// A^T: column i holds the powers of p.
template <int M>
struct Output {
    static constexpr int rows = M, columns = points<M>;
    static constexpr double at(int row, int column) {
        if (column + 1 == points<M>) return row + 1 == M ? 1 : 0;
        double value = 1;
        for (int i = 0; i < row; ++i) value *= finite_points[column];
        return value;
    }
};

/// Of a whole row of 3 between zeros,
///
///   y0 = w1 x0 + w2 x1,   y1 = w0 x0 + w1 x1 + w2 x2,   y2 = w0 x1 + w1 x2.
///
/// With e = x0 + x2, o = x0 - x2, p = w0 + w2 and q = w0 - w2 it is
///
///   y0 + y2 = w1 e + p x1,   y0 - y2 = w1 o - q x1,   2 y1 = 2 w1 x1 + p e + q o,
///
/// and comes of a = (p + 3/2 w1)(e + 3/2 x1), b = (p - 3/2 w1)(e - 3/2 x1), c = (q - w1/2)(o + x1/2) and
/// d = (q + w1/2)(o - x1/2):
///
///   y0 + y2 = (a - b) / 3,   y0 - y2 = d - c,   2 y1 = (a + b + c + d) / 2.
///
/// Three multiplications cannot do. w1 makes x itself of x, so all that w makes of x would be diagonal in one
/// basis, and what w0 and w2 make does not commute.
struct WholeRow {
    // What a, b, c and d take of x. Of w they take the same, c and d each other's, and so they go into y,
    // times the scale.
    static constexpr double vectors[4][3] = {{1, 1.5, 1}, {1, -1.5, 1}, {1, 0.5, -1}, {1, -0.5, -1}};
    static constexpr int of_weight[4] = {0, 1, 3, 2};
    static constexpr double scale[4] = {1 / 6.0, -1 / 6.0, -0.5, 0.5};

    /// B^T
    struct Input {
        static constexpr int rows = 4, columns = 3;
        static constexpr double at(int row, int column) { return vectors[row][column]; }
    };
    /// A^T
    struct Output {
        static constexpr int rows = 3, columns = 4;
        static constexpr double at(int row, int column) { return vectors[of_weight[column]][row]; }
    };
    /// G
    struct Weight {
        static constexpr int rows = 4, columns = 3;
        static constexpr double at(int row, int column) { return scale[row] * Output::at(column, row); }
    };
};

template <class Mat>
struct Transposed {
    static constexpr int rows = Mat::columns, columns = Mat::rows;
    static constexpr double at(int row, int column) { return Mat::at(column, row); }
};

/// Columns `column` and the next differ in the signs of the odd rows, as those of points p and -p do.
template <class Mat>
constexpr bool columns_mirror(int column) {
    if (column < 0 || column + 1 >= Mat::columns) return false;
    bool any = false;
    for (int row = 0; row < Mat::rows; ++row) {
        const double sign = row % 2 == 0 ? 1 : -1;
        if (Mat::at(row, column) != sign * Mat::at(row, column + 1)) return false;
        any = any || (row % 2 == 1 && Mat::at(row, column) != 0);
    }
    return any;
}

}  // namespace matrix

/// F(MxM,3x3): a tile of M x M outputs, anywhere in a map.
template <int M>
struct Tile {
    static constexpr int outputs = M, points = M + 2;  // along a side
    using Input = matrix::Input<M>;
    using Weight = matrix::Weight<M>;
    using Output = matrix::Output<M>;
};

/// A whole map of 3 x 3.
struct WholeMap : matrix::WholeRow {
    static constexpr int outputs = 3, points = 4;
};

/// Mat's elements at run time.
template <class Mat, class T>
inline T coefficient(Index row, Index column) {
    static constexpr auto table = [] {
        std::array<T, Mat::rows * Mat::columns> values{};
        for (int i = 0; i < Mat::rows * Mat::columns; ++i)
            values[static_cast<std::size_t>(i)] = static_cast<T>(Mat::at(i / Mat::columns, i % Mat::columns));
        return values;
    }();
    return table[static_cast<std::size_t>(row * Mat::columns + column)];
}

namespace detail {

/// sum of in[i] * Mat::at(Row, i) over the columns of one parity (0 or 1), or all (2); must not be empty.
template <class Mat, int Row, int Parity, class P>
inline P combine(const P (&in)[Mat::columns]) {
    using T = typename packet::unpacket_traits<P>::type;
    constexpr auto taken = [](int i) { return (Parity == 2 || i % 2 == Parity) && Mat::at(Row, i) != 0; };
    // The sum starts at a term that needs no multiplication, where there is one.
    constexpr int start = [=] {
        int first = -1;
        for (int i = 0; i < Mat::columns; ++i) {
            if (taken(i) && Mat::at(Row, i) == 1) return i;
            if (taken(i) && first < 0) first = i;
        }
        return first;
    }();
    P sum = Mat::at(Row, start) == 1
                ? in[start]
                : packet::pmul(packet::pset1<P>(static_cast<T>(Mat::at(Row, start))), in[start]);
    cpu::detail::unroll<Mat::columns>([&](auto i) {
        constexpr double factor = Mat::at(Row, i);
        if constexpr (taken(i) && i != start) {
            if constexpr (factor == 1) {
                sum = packet::padd(sum, in[i]);
            } else if constexpr (factor == -1) {
                sum = packet::psub(sum, in[i]);
            } else {
                sum = packet::pmadd(packet::pset1<P>(static_cast<T>(factor)), in[i], sum);
            }
        }
    });
    return sum;
}

/// The same of rows.
template <class Mat>
constexpr bool rows_mirror(int row) {
    return matrix::columns_mirror<matrix::Transposed<Mat>>(row);
}

/// Mat whose mirrored pairs of columns meet the sum and the difference of their inputs instead.
template <class Mat>
struct Folded {
    static constexpr int rows = Mat::rows, columns = Mat::columns;
    static constexpr double at(int row, int column) {
        if (matrix::columns_mirror<Mat>(column)) return row % 2 == 0 ? Mat::at(row, column) : 0;
        if (matrix::columns_mirror<Mat>(column - 1)) return row % 2 == 1 ? Mat::at(row, column - 1) : 0;
        return Mat::at(row, column);
    }
};

}  // namespace detail

/// out = Mat in, with as few operations as the mirrored points allow.
template <class Mat, class P>
inline void apply(P (&in)[Mat::columns], P (&out)[Mat::rows]) {
    cpu::detail::unroll<Mat::columns>([&](auto i) {
        if constexpr (matrix::columns_mirror<Mat>(i)) {
            const P plus = in[i], minus = in[i + 1];
            in[i] = packet::padd(plus, minus);
            in[i + 1] = packet::psub(plus, minus);
        }
    });
    using Used = detail::Folded<Mat>;
    cpu::detail::unroll<Mat::rows>([&](auto row) {
        if constexpr (detail::rows_mirror<Used>(row)) {
            const P even = detail::combine<Used, row, 0>(in), odd = detail::combine<Used, row, 1>(in);
            out[row] = packet::padd(even, odd);
            out[row + 1] = packet::psub(even, odd);
        } else if constexpr (!detail::rows_mirror<Used>(row - 1)) {
            out[row] = detail::combine<Used, row, 2>(in);
        }
    });
}

template <class Mat>
inline constexpr bool columns_mirror_each_other = [] {
    bool any = false;
    for (int column = 0; column < Mat::columns; ++column) any = any || matrix::columns_mirror<Mat>(column);
    return any;
}();

/// The rows of Mat by twos: mirrored ones, which share their sums, and the others as they come.
template <class Mat>
struct RowPairs {
    static constexpr int count = (Mat::rows + 1) / 2;
    struct Pair {
        int first = -1, second = -1;
    };
    static constexpr std::array<Pair, count> pairs = [] {
        std::array<Pair, count> all{};
        std::size_t at = 0;
        int single = -1;
        for (int row = 0; row < Mat::rows; ++row) {
            if (detail::rows_mirror<Mat>(row)) {
                all[at++] = {row, row + 1};
                ++row;
            } else if (single < 0) {
                single = row;
            } else {
                all[at++] = {single, row};
                single = -1;
            }
        }
        if (single >= 0) all[at] = {single, -1};
        return all;
    }();
};

/// Two rows of Mat in, of a Mat whose columns do not mirror each other.
template <class Mat, int Pair, class P>
inline void apply_pair(const P (&in)[Mat::columns], P& first, P& second) {
    constexpr auto pair = RowPairs<Mat>::pairs[Pair];
    if constexpr (detail::rows_mirror<Mat>(pair.first)) {
        const P even = detail::combine<Mat, pair.first, 0>(in), odd = detail::combine<Mat, pair.first, 1>(in);
        first = packet::padd(even, odd);
        second = packet::psub(even, odd);
    } else {
        first = detail::combine<Mat, pair.first, 2>(in);
        if constexpr (pair.second >= 0) second = detail::combine<Mat, pair.second, 2>(in);
    }
}

}  // namespace daf::cpu::winograd
