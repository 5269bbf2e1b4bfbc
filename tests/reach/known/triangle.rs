//! triangle-rs 0.1.2 makes `Vec`s of lists that C's `malloc` made, and Rust's allocator frees them.

fn main() {
    let mesh = triangle_rs::Delaunay::builder().add_nodes(&[0., 0., 1., 0., 1., 1., 0., 1.]).build();
    println!("{} triangles", mesh.n_triangles());
}
