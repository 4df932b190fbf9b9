//! SECURITY.md names a test for each row of its threat model.

use std::path::Path;

#[test]
fn every_row_names_tests_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let adversaries = |heading: &str| -> Vec<String> {
        let rows = page.lines().skip_while(|line| !line.starts_with(heading)).skip(2);
        let rows = rows.take_while(|line| line.starts_with('|'));
        rows.map(|row| row.split('|').nth(1).unwrap().trim().to_owned()).collect()
    };
    let threats = adversaries("| adversary | may not |");
    assert!(!threats.is_empty());
    assert_eq!(threats, adversaries("| adversary | tests |"));

    let tests = page.split("| adversary | tests |").nth(1).unwrap();
    let mut source = String::new();
    let mut named = 0;
    // Links are [name](path), tests `name`, each behind the file that it is in.
    for word in tests.split_whitespace() {
        if let Some((_, path)) = word.split_once("](") {
            let path = path.trim_end_matches([')', ',', ';', '.']);
            let path = path.split('#').next().unwrap_or(path);
            source = std::fs::read_to_string(root.join(path)).expect(path);
        } else if let Some(name) = word.strip_prefix('`').and_then(|rest| rest.split('`').next()) {
            assert!(source.contains(&format!("fn {name}()")), "{name}");
            named += 1;
        }
    }
    assert!(named > threats.len());
}
