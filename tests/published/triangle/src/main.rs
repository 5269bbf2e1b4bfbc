//! A triangulation of four points by `triangle-rs`: the lists that C's `malloc` made become `Vec`s,
//! which Rust drops.

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

fn main() {
    let mesh = triangle_rs::Delaunay::builder().add_nodes(&[0., 0., 1., 0., 1., 1., 0., 1.]).build();
    println!("{} triangles", mesh.n_triangles());
    drop(mesh);
    println!("dropped");
}
